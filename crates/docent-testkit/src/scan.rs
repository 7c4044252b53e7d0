//! PDF files whose pages show text without having any: pictures of pages, as scanners make them.

use crate::pdf;

/// A4, in points.
const PAGE: (f64, f64) = (595.0, 842.0);

/// A picture of a page: shades of grey, a byte each, row by row from the top.
#[derive(Clone, Debug)]
pub struct Raster {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// From black 0 to white 255.
    pub grey: Vec<u8>,
}

/// A page of a file with scans.
#[derive(Clone, Copy, Debug)]
pub enum Page<'a> {
    /// These lines, as text.
    Text(&'a [&'a str]),
    /// A picture that fills the page.
    Upright(&'a Raster),
    /// The same lying on its side, on a page that says that it is to be turned.
    Turned(&'a Raster),
    /// The same on a page that does not say so.
    Sideways(&'a Raster),
    /// The picture in two strips, one below the other.
    Strips(&'a Raster),
    /// Nothing that is drawn: an image stream with this dictionary and these hexadecimal digits.
    Image(&'a str, &'a str),
}

/// A file of these pages. Pictures have two colours, as a fax has.
pub fn pages(pages: &[Page<'_>]) -> Vec<u8> {
    let mut file = File { objects: vec![String::new(); 2], kids: String::new() };
    let font = file.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned());
    for page in pages {
        file.add_page(*page, font);
    }
    file.objects[0] = "<< /Type /Catalog /Pages 2 0 R >>".to_owned();
    file.objects[1] = format!("<< /Type /Pages /Kids [{}] /Count {} >>", file.kids, pages.len());
    pdf::objects(&file.objects, "")
}

struct File {
    objects: Vec<String>,
    kids: String,
}

impl File {
    /// The number of an object that is added.
    fn add(&mut self, object: String) -> usize {
        self.objects.push(object);
        self.objects.len()
    }

    fn add_page(&mut self, page: Page<'_>, font: usize) {
        let ((width, height), rotation) = match page {
            Page::Turned(_) => ((PAGE.1, PAGE.0), 90),
            Page::Sideways(_) => ((PAGE.1, PAGE.0), 0),
            _ => (PAGE, 0),
        };
        let (images, content) = self.add_content(page);
        let content = self.add(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
        let named: String = (0..).zip(images).map(|(number, image)| format!("/I{number} {image} 0 R ")).collect();
        let page = self.add(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Rotate {rotation} /Contents {content} 0 R \
             /Resources << /Font << /F1 {font} 0 R >> /XObject << {named}>> >> >>"
        ));
        self.kids.push_str(&format!("{page} 0 R "));
    }

    /// The images of a page and what draws them.
    fn add_content(&mut self, page: Page<'_>) -> (Vec<usize>, String) {
        let (width, height) = PAGE;
        let placed = |number: usize, matrix: [f64; 6]| {
            let matrix = matrix.map(|number| number.to_string()).join(" ");
            format!("q {matrix} cm /I{number} Do Q ")
        };
        match page {
            Page::Text(lines) => (Vec::new(), pdf::shown(lines)),
            Page::Upright(raster) => {
                (vec![self.add_raster(raster, 0, raster.height)], placed(0, [width, 0.0, 0.0, height, 0.0, 0.0]))
            }
            Page::Turned(raster) | Page::Sideways(raster) => {
                (vec![self.add_raster(raster, 0, raster.height)], placed(0, [0.0, width, -height, 0.0, height, 0.0]))
            }
            Page::Strips(raster) => {
                let cut = raster.height / 2;
                let low = height * (raster.height - cut) as f64 / raster.height as f64;
                let images = vec![self.add_raster(raster, 0, cut), self.add_raster(raster, cut, raster.height)];
                let upper = placed(0, [width, 0.0, 0.0, height - low, 0.0, low]);
                (images, upper + &placed(1, [width, 0.0, 0.0, low, 0.0, 0.0]))
            }
            Page::Image(dictionary, data) => {
                (vec![self.add_image(dictionary, data)], placed(0, [width, 0.0, 0.0, height, 0.0, 0.0]))
            }
        }
    }

    /// Rows of a picture, a bit a pixel.
    fn add_raster(&mut self, raster: &Raster, from: usize, to: usize) -> usize {
        let mut data = String::new();
        for row in raster.grey.chunks(raster.width).skip(from).take(to - from) {
            for eight in row.chunks(8) {
                let bits = eight.iter().enumerate().fold(0, |bits, (at, grey)| bits | ((grey >> 7) << (7 - at)));
                data.push_str(&format!("{bits:02x}"));
            }
        }
        let (width, height) = (raster.width, to - from);
        self.add_image(&format!("/Width {width} /Height {height} /ColorSpace /DeviceGray /BitsPerComponent 1"), &data)
    }

    fn add_image(&mut self, dictionary: &str, data: &str) -> usize {
        // A filter of its own comes behind the digits.
        let filter = if dictionary.contains("/Filter") { "" } else { "/Filter /ASCIIHexDecode" };
        let length = data.len() + 1;
        self.add(format!(
            "<< /Type /XObject /Subtype /Image {dictionary} {filter} /Length {length} >>\nstream\n{data}>\nendstream"
        ))
    }
}
