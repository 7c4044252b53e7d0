//! The device that draws a page in shades of grey, as well as OCR needs it.
//!
//! Pictures, letters and lines are drawn where they stand, with their transparency. What hides in corners of the format is
//! simplified: a clip is its bounding box, a group is drawn straight onto the page, patterns fill nothing but letters and
//! stencils, masks of a whole group are left out. A library that does all of it would be the larger half of the parser
//! (decision 22).

use super::coverage::{Area, Coverage};
use super::device::TooManyOperations;
use super::samples::{Grey, Laid};
use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, FillRule, Image, ImageDrawProps, Paint, SoftMask, StrokeProps,
};
use kurbo::{Affine, BezPath, Rect, Shape, Stroke, StrokeOpts};
use std::panic::resume_unwind;

/// How far the outline of a stroke may be from the truth, in pixels.
const TOLERANCE: f64 = 0.2;

/// What something is drawn with; shade and opacity from 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Ink {
    grey: f32,
    alpha: f32,
    mode: BlendMode,
}

impl Ink {
    /// None for a pattern.
    fn of(paint: &Paint<'_>, mode: BlendMode) -> Option<Self> {
        let Paint::Color(color) = paint else { return None };
        let [red, green, blue, alpha] = color.to_rgba().components();
        Some(Self { grey: 0.299 * red + 0.587 * green + 0.114 * blue, alpha, mode })
    }

    /// Black for a pattern: what has the shape of letters is to be seen.
    fn or_black(paint: &Paint<'_>, mode: BlendMode) -> Self {
        Self::of(paint, mode).unwrap_or(Self { grey: 0.0, alpha: 1.0, mode })
    }
}

/// How what is drawn meets what is there.
#[derive(Clone, Copy, Debug)]
struct Group {
    opacity: f32,
    /// It darkens what is there instead of covering it.
    darkens: bool,
}

impl Group {
    /// For something in it that is drawn in this mode.
    fn with(self, mode: BlendMode) -> Self {
        Self { darkens: self.darkens || matches!(mode, BlendMode::Multiply | BlendMode::Darken), ..self }
    }

    fn draw(self, pixel: &mut u8, grey: f32, alpha: f32) {
        let below = f32::from(*pixel);
        let above = if self.darkens { below * grey } else { 255.0 * grey };
        *pixel = (below + (above - below) * alpha * self.opacity).round() as u8;
    }
}

/// A page that is being drawn.
pub(crate) struct Canvas {
    width: usize,
    grey: Vec<u8>,
    /// The innermost last; the first is the page.
    clips: Vec<Area>,
    groups: Vec<Group>,
    coverage: Coverage,
    operations_left: u64,
}

impl Canvas {
    /// A white one.
    pub(crate) fn new(width: usize, height: usize, operations: u64) -> Self {
        Self {
            width,
            grey: vec![u8::MAX; width * height],
            clips: vec![Area { left: 0, top: 0, right: width, bottom: height }],
            groups: Vec::new(),
            coverage: Coverage::default(),
            operations_left: operations,
        }
    }

    /// A byte for each pixel, row by row.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.grey
    }

    fn spend(&mut self) {
        match self.operations_left.checked_sub(1) {
            Some(left) => self.operations_left = left,
            None => resume_unwind(Box::new(TooManyOperations)),
        }
    }

    fn group(&self) -> Group {
        self.groups.last().copied().unwrap_or(Group { opacity: 1.0, darkens: false })
    }

    /// The pixels that a rectangle touches and that may be drawn on.
    fn area(&self, rectangle: Rect) -> Option<Area> {
        self.clips.last()?.touched(rectangle)
    }

    fn clip(&mut self, rectangle: Rect) {
        self.spend();
        let nothing = Area { left: 0, top: 0, right: 0, bottom: 0 };
        self.clips.push(self.area(rectangle).unwrap_or(nothing));
    }

    fn fill(&mut self, path: &BezPath, rule: FillRule, ink: Ink) {
        let Some(area) = self.area(path.bounding_box()) else { return };
        let (group, width) = (self.group().with(ink.mode), self.width);
        for (y, row) in (area.top..).zip(self.coverage.rows(path, area, rule)) {
            let pixels = &mut self.grey[y * width + area.left..][..row.len()];
            for (pixel, covered) in pixels.iter_mut().zip(row) {
                group.draw(pixel, ink.grey, ink.alpha * covered);
            }
        }
    }

    /// Dashes are drawn as if they were one line.
    fn stroke(&mut self, path: &BezPath, transform: Affine, props: &StrokeProps, ink: Ink) {
        let scale = transform.determinant().abs().sqrt();
        if !(scale.is_finite() && scale > 1e-9) {
            return;
        }
        // What is thinner than a pixel would vanish.
        let style = Stroke::new(f64::from(props.line_width).max(1.0 / scale))
            .with_join(props.line_join)
            .with_caps(props.line_cap)
            .with_miter_limit(f64::from(props.miter_limit));
        let outline = kurbo::stroke(path.iter(), &style, &StrokeOpts::default(), TOLERANCE / scale);
        self.fill(&(transform * outline), FillRule::NonZero, ink);
    }

    /// Draws what `show` says that a pixel gets, brightness and opacity, within the place that the unit square has.
    fn lay(&mut self, place: Affine, show: impl Fn(usize, usize) -> Option<(f32, f32)>) {
        let Some(area) = self.area(place.transform_rect_bbox(Rect::new(0.0, 0.0, 1.0, 1.0))) else { return };
        let group = self.group();
        for y in area.top..area.bottom {
            for x in area.left..area.right {
                if let Some((grey, alpha)) = show(x, y) {
                    group.draw(&mut self.grey[y * self.width + x], grey, alpha);
                }
            }
        }
    }

    fn lay_picture(&mut self, picture: Grey, alpha: Option<Grey>, transform: Affine) {
        let place = picture.place(transform);
        let Some(picture) = Laid::new(picture, place) else { return };
        match alpha.and_then(|alpha| Laid::new(alpha, place)) {
            Some(alpha) => self.lay(place, |x, y| Some((picture.at(x, y)?, alpha.at(x, y)?))),
            None => self.lay(place, |x, y| Some((picture.at(x, y)?, 1.0))),
        }
    }

    fn lay_stencil(&mut self, stencil: Grey, ink: Ink, transform: Affine) {
        let place = stencil.place(transform);
        let Some(stencil) = Laid::new(stencil, place) else { return };
        self.lay(place, |x, y| Some((ink.grey, ink.alpha * stencil.at(x, y)?)));
    }
}

impl<'a> Device<'a> for Canvas {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.spend();
        let Some(ink) = Ink::of(&props.paint, props.blend_mode) else { return };
        if let DrawMode::Fill(rule) | DrawMode::FillAndStroke(rule, _) = mode {
            self.fill(&(props.transform * path), *rule, ink);
        }
        if let DrawMode::Stroke(stroke) | DrawMode::FillAndStroke(_, stroke) = mode {
            self.stroke(path, props.transform, stroke, ink);
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.clip(clip.path.bounding_box());
    }

    fn push_clip_rect(&mut self, rectangle: &Rect) {
        self.clip(*rectangle);
    }

    fn push_transparency_group(&mut self, opacity: f32, _: Option<SoftMask<'a>>, mode: BlendMode) {
        self.spend();
        let around = self.group();
        self.groups.push(Group { opacity: around.opacity * opacity, ..around.with(mode) });
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        if matches!(mode, DrawMode::Invisible) {
            return;
        }
        let ink = Ink::or_black(&props.paint, props.blend_mode);
        for glyph in run.glyphs() {
            self.spend();
            match &**glyph {
                Glyph::Outline(outline) => {
                    let outline = props.transform * glyph.transform() * outline.outline();
                    self.fill(&outline, FillRule::NonZero, ink);
                }
                Glyph::Type3(type3) => type3.interpret(self, props.transform, glyph.transform(), &props.paint),
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.spend();
        let wanted = wanted(&image, props.transform);
        match image {
            Image::Raster(raster) => raster.with_rgba(
                |picture, alpha| self.lay_picture(picture.into(), alpha.map(Grey::from), props.transform),
                wanted,
            ),
            Image::Stencil(stencil) => stencil.with_stencil(
                |shape, paint| {
                    let ink = Ink::or_black(paint, props.blend_mode);
                    self.lay_stencil(shape.into(), ink, props.transform);
                },
                wanted,
            ),
        }
    }

    fn pop_clip(&mut self) {
        if self.clips.len() > 1 {
            self.clips.pop();
        }
    }

    fn pop_transparency_group(&mut self) {
        self.groups.pop();
    }
}

/// The pixels that a picture is drawn on, across and down: those who decode it need not give many more.
fn wanted(image: &Image<'_, '_>, transform: Affine) -> Option<(u32, u32)> {
    let [a, b, c, d, ..] = transform.as_coeffs();
    let pixels = |step: f64, count: u32| (step * f64::from(count)).ceil().max(1.0).min(f64::from(u32::MAX)) as u32;
    Some((pixels(a.hypot(b), image.width()), pixels(c.hypot(d), image.height())))
}
