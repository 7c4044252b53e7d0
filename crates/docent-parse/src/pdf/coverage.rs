//! How much of each pixel a path covers.
//!
//! Every edge is noted where it passes: how far it goes down in a pixel, and how much of the pixel lies to its right. Summed
//! up from the left, that is how often the path winds round each pixel, in parts.

use hayro_interpret::FillRule;
use kurbo::{BezPath, PathEl, Point, Rect};

/// How far a curve may be from the lines that stand for it, in pixels.
const TOLERANCE: f64 = 0.1;

/// Pixels from `left` and `top` up to, and without, `right` and `bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) right: usize,
    pub(crate) bottom: usize,
}

impl Area {
    /// The pixels that a rectangle touches, of these; none if there are none.
    pub(crate) fn touched(self, by: Rect) -> Option<Self> {
        let low = |edge: f64, least: usize| edge.floor().max(least as f64) as usize;
        let high = |edge: f64, most: usize| edge.ceil().min(most as f64).max(0.0) as usize;
        let area = Self {
            left: low(by.x0, self.left),
            top: low(by.y0, self.top),
            right: high(by.x1, self.right),
            bottom: high(by.y1, self.bottom),
        };
        (by.is_finite() && area.left < area.right && area.top < area.bottom).then_some(area)
    }

    pub(crate) const fn width(self) -> usize {
        self.right - self.left
    }

    const fn height(self) -> usize {
        self.bottom - self.top
    }
}

/// The place where paths are summed up, kept from one to the next.
#[derive(Default)]
pub(crate) struct Coverage {
    cells: Vec<f32>,
    /// Cells of a row: one more than pixels, for what lies to the right of the last.
    stride: usize,
    width: f64,
    height: f64,
}

impl Coverage {
    /// How much of each pixel of the area is covered, from 0 to 1, row by row.
    pub(crate) fn rows(&mut self, path: &BezPath, area: Area, rule: FillRule) -> impl Iterator<Item = &[f32]> {
        (self.stride, self.width, self.height) = (area.width() + 1, area.width() as f64, area.height() as f64);
        self.cells.clear();
        self.cells.resize(self.stride * area.height(), 0.0);
        self.trace(path, (area.left as f64, area.top as f64));
        for row in self.cells.chunks_exact_mut(self.stride) {
            let mut winding = 0.0;
            for cell in row {
                winding += *cell;
                *cell = covered(winding, rule);
            }
        }
        self.cells.chunks_exact(self.stride).map(|row| &row[..row.len() - 1])
    }

    fn trace(&mut self, path: &BezPath, (left, top): (f64, f64)) {
        let within = |point: Point| Point::new(point.x - left, point.y - top);
        let (mut start, mut here) = (Point::ZERO, Point::ZERO);
        kurbo::flatten(path.iter(), TOLERANCE, |element| match element {
            PathEl::MoveTo(point) => {
                // What is filled is closed.
                self.edge(here, start);
                (start, here) = (within(point), within(point));
            }
            PathEl::LineTo(point) => {
                self.edge(here, within(point));
                here = within(point);
            }
            PathEl::ClosePath => {
                self.edge(here, start);
                here = start;
            }
            PathEl::QuadTo(..) | PathEl::CurveTo(..) => {}
        });
        self.edge(here, start);
    }

    fn edge(&mut self, from: Point, to: Point) {
        let (sign, high, low) = if from.y < to.y { (1.0, from, to) } else { (-1.0, to, from) };
        let slope = (low.x - high.x) / (low.y - high.y);
        let (mut y, end) = (high.y.max(0.0), low.y.min(self.height));
        if !slope.is_finite() || y >= end {
            return;
        }
        let mut x = high.x + (y - high.y) * slope;
        while y < end {
            let row = y.floor();
            let next = (row + 1.0).min(end);
            let next_x = x + (next - y) * slope;
            self.note(row as usize, sign * (next - y), x.min(next_x), x.max(next_x));
            (x, y) = (next_x, next);
        }
    }

    /// An edge that goes so far down within a row, and from left to right between these places.
    fn note(&mut self, row: usize, down: f64, left: f64, right: f64) {
        let (left, right) = (left.clamp(0.0, self.width), right.clamp(0.0, self.width));
        let cells = &mut self.cells[row * self.stride..][..self.stride];
        let mut from = left;
        loop {
            let column = from.floor();
            let to = (column + 1.0).min(right);
            let share = if right > left { down * (to - from) / (right - left) } else { down };
            let behind = share * ((from + to) / 2.0 - column);
            let at = column as usize;
            cells[at] += (share - behind) as f32;
            if let Some(next) = cells.get_mut(at + 1) {
                *next += behind as f32;
            }
            if to >= right {
                return;
            }
            from = to;
        }
    }
}

fn covered(winding: f32, rule: FillRule) -> f32 {
    match rule {
        FillRule::NonZero => winding.abs().min(1.0),
        FillRule::EvenOdd => {
            let odd = winding.abs() % 2.0;
            if odd > 1.0 { 2.0 - odd } else { odd }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kurbo::{Circle, Shape};

    fn covered(path: &BezPath, size: usize, rule: FillRule) -> Vec<Vec<f32>> {
        let area = Area { left: 0, top: 0, right: size, bottom: size };
        Coverage::default().rows(path, area, rule).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn edges_count_in_parts() {
        let square = Rect::new(1.0, 1.0, 2.5, 3.0).to_path(0.1);
        let rows = covered(&square, 4, FillRule::NonZero);
        assert_eq!(rows[0], [0.0; 4]);
        assert_eq!((&rows[1][..], &rows[2][..]), (&[0.0, 1.0, 0.5, 0.0][..], &[0.0, 1.0, 0.5, 0.0][..]));
        assert_eq!(rows[3], [0.0; 4]);
    }

    #[test]
    fn a_circle_has_its_area_and_a_ring_its_hole() {
        let circle = Circle::new((50.0, 50.0), 40.0).to_path(0.01);
        let sum = |rows: Vec<Vec<f32>>| rows.iter().flatten().map(|share| f64::from(*share)).sum::<f64>();
        let area = std::f64::consts::PI * 1_600.0;
        assert!((sum(covered(&circle, 100, FillRule::NonZero)) - area).abs() < 10.0);
        let mut ring = circle;
        ring.extend(Circle::new((50.0, 50.0), 20.0).to_path(0.01));
        assert!((sum(covered(&ring, 100, FillRule::NonZero)) - area).abs() < 10.0);
        assert!((sum(covered(&ring, 100, FillRule::EvenOdd)) - area * 0.75).abs() < 10.0);
    }

    #[test]
    fn what_sticks_out_is_cut_off() {
        let wide = Rect::new(-1e7, 1.0, 1e7, 1e7).to_path(0.1);
        let rows = covered(&wide, 3, FillRule::NonZero);
        assert_eq!(rows, [[0.0; 3], [1.0; 3], [1.0; 3]]);
        let mut nowhere = BezPath::new();
        nowhere.move_to((f64::NAN, 0.0));
        nowhere.line_to((1.0, f64::INFINITY));
        assert_eq!(covered(&nowhere, 1, FillRule::NonZero).len(), 1);
        let all = Area { left: 0, top: 0, right: 9, bottom: 9 };
        assert_eq!(all.touched(Rect::new(-5.0, 2.5, 3.5, 100.0)), Some(Area { left: 0, top: 2, right: 4, bottom: 9 }));
        assert_eq!(all.touched(Rect::new(9.5, 2.0, 12.0, 3.0)), None);
        assert_eq!(all.touched(Rect::new(-9.5, -2.0, -1.0, -3.0)), None);
        assert_eq!(all.touched(Rect::new(f64::NAN, 0.0, 5.0, 5.0)), None);
    }
}
