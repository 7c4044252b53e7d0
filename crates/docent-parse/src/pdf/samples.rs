//! Pictures of a page, seen through the pixels that they are drawn on.

use hayro_interpret::{ImageData, LumaData};
use kurbo::{Affine, Point};

/// Samples along each side of a pixel at most, for pictures that are finer than what they are drawn on.
const SAMPLES_MAX: f64 = 4.0;

/// A picture in shades of grey.
pub(crate) struct Grey {
    data: Vec<u8>,
    width: usize,
    height: usize,
    /// From its pixels to those that the file says it has.
    scale: (f64, f64),
}

impl From<LumaData> for Grey {
    fn from(LumaData { data, width, height, scale_factors: (x, y), .. }: LumaData) -> Self {
        Self { data, width: width as usize, height: height as usize, scale: (x.into(), y.into()) }
    }
}

impl From<ImageData> for Grey {
    fn from(image: ImageData) -> Self {
        let colours = match image {
            ImageData::Luma(luma) => return luma.into(),
            ImageData::Rgb(colours) => colours,
        };
        let data = colours.data.as_chunks::<3>().0.iter().map(brightness).collect();
        let (x, y) = colours.scale_factors;
        Self { data, width: colours.width as usize, height: colours.height as usize, scale: (x.into(), y.into()) }
    }
}

/// How bright a colour is, as the eye weighs red, green and blue.
fn brightness([red, green, blue]: &[u8; 3]) -> u8 {
    ((u32::from(*red) * 77 + u32::from(*green) * 151 + u32::from(*blue) * 28) >> 8) as u8
}

impl Grey {
    /// From the unit square to where the picture stands, if `transform` places the pixels that the file says it has.
    pub(crate) fn place(&self, transform: Affine) -> Affine {
        transform * Affine::scale_non_uniform(self.width as f64 * self.scale.0, self.height as f64 * self.scale.1)
    }

    fn is_sound(&self) -> bool {
        self.data.len() == self.width * self.height && !self.data.is_empty()
    }

    fn pixel(&self, x: usize, y: usize) -> f32 {
        f32::from(self.data[y.min(self.height - 1) * self.width + x.min(self.width - 1)])
    }

    fn nearest(&self, at: Point) -> f32 {
        self.pixel(at.x.max(0.0) as usize, at.y.max(0.0) as usize)
    }

    /// Weighed between the four pixels around a place.
    fn between(&self, at: Point) -> f32 {
        let (x, y) = ((at.x - 0.5).max(0.0), (at.y - 0.5).max(0.0));
        let (left, top) = (x as usize, y as usize);
        let (right_share, bottom_share) = (x.fract() as f32, y.fract() as f32);
        let row = |y: usize| {
            let (a, b) = (self.pixel(left, y), self.pixel(left + 1, y));
            a + (b - a) * right_share
        };
        let (a, b) = (row(top), row(top + 1));
        a + (b - a) * bottom_share
    }
}

/// A picture laid on a page.
pub(crate) struct Laid {
    grey: Grey,
    /// From pixels of the page to those of the picture.
    inwards: Affine,
    /// Places within a pixel of the page that are looked at, from its corner; one in the middle if that will do.
    places: Vec<(f64, f64)>,
}

impl Laid {
    /// On the place that the unit square has there; none if that is flat or there is nothing to show.
    pub(crate) fn new(grey: Grey, place: Affine) -> Option<Self> {
        let inwards = Affine::scale_non_uniform(grey.width as f64, grey.height as f64) * place.inverse();
        let [a, b, c, d, ..] = inwards.as_coeffs();
        let fineness = a.hypot(b).max(c.hypot(d));
        if !grey.is_sound() || !inwards.is_finite() {
            return None;
        }
        let count = (fineness - 0.1).ceil().clamp(1.0, SAMPLES_MAX);
        let steps = move || (0..count as u32).map(move |step| (f64::from(step) + 0.5) / count);
        let places = steps().flat_map(|y| steps().map(move |x| (x, y))).collect();
        Some(Self { grey, inwards, places })
    }

    /// How bright the picture is at a pixel of the page, from 0 to 1; none beside it.
    pub(crate) fn at(&self, x: usize, y: usize) -> Option<f32> {
        let seen = |(across, down): (f64, f64)| self.inwards * Point::new(x as f64 + across, y as f64 + down);
        let middle = seen((0.5, 0.5));
        let (width, height) = (self.grey.width as f64, self.grey.height as f64);
        if !((0.0..width).contains(&middle.x) && (0.0..height).contains(&middle.y)) {
            return None;
        }
        let sum = match self.places[..] {
            [_] => self.grey.between(middle),
            _ => self.places.iter().map(|place| self.grey.nearest(seen(*place))).sum::<f32>(),
        };
        Some(sum / (self.places.len() as f32 * 255.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(width: usize) -> Grey {
        let data =
            (0..width * width).map(|at| if (at % width + at / width).is_multiple_of(2) { 0 } else { 255 }).collect();
        Grey { data, width, height: width, scale: (1.0, 1.0) }
    }

    fn laid(width: usize, transform: Affine) -> Laid {
        let grey = checked(width);
        let place = grey.place(transform);
        Laid::new(grey, place).expect("laid")
    }

    #[test]
    fn pixel_on_pixel_nothing_changes_however_it_is_turned() {
        let same = laid(4, Affine::IDENTITY);
        assert_eq!(
            (same.at(0, 0), same.at(1, 0), same.at(3, 3), same.at(4, 0)),
            (Some(0.0), Some(1.0), Some(0.0), None)
        );
        let turned = laid(4, Affine::new([0.0, 1.0, -1.0, 0.0, 4.0, 0.0]));
        assert_eq!((turned.at(3, 0), turned.at(2, 0), turned.at(0, 0)), (Some(0.0), Some(1.0), Some(1.0)));
    }

    #[test]
    fn a_finer_picture_is_averaged_and_a_coarser_one_spread() {
        let finer = laid(8, Affine::scale(0.5));
        assert_eq!((finer.at(0, 0), finer.at(3, 3), finer.at(4, 4)), (Some(0.5), Some(0.5), None));
        let coarser = laid(2, Affine::scale(10.0));
        let (dark, middle, bright) = (coarser.at(0, 0), coarser.at(10, 0), coarser.at(19, 0));
        assert!(dark == Some(0.0) && bright == Some(1.0) && middle.is_some_and(|grey| (0.4..0.6).contains(&grey)));
    }

    #[test]
    fn what_shows_nothing_is_not_laid() {
        let empty = Grey { data: Vec::new(), width: 0, height: 0, scale: (1.0, 1.0) };
        let short = Grey { data: vec![0; 3], width: 2, height: 2, scale: (1.0, 1.0) };
        assert!(Laid::new(empty, Affine::IDENTITY).is_none() && Laid::new(short, Affine::IDENTITY).is_none());
        assert!(Laid::new(checked(2), Affine::scale(0.0)).is_none());
    }
}
