//! Excel: each sheet's rows, a few to a page. Cells are read one after the other, never as a rectangle: two cells at
//! opposite corners of a sheet would ask for half a terabyte.

use crate::archive::Archive;
use crate::limits::Limits;
use crate::office;
use crate::rows::{Cell, Rows};
use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};
use std::io::Cursor;

pub(crate) fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<ParsedDocument, Refusal> {
    let mut archive = Archive::open(bytes, limits)?;
    office::main_part(&mut archive, "xl/workbook.xml", "Excel workbook")?;
    let title = office::stated_title(&mut archive);
    let mut workbook = Xlsx::new(Cursor::new(archive.checked()?)).map_err(|error| damaged(&error))?;
    let (mut pages, mut warnings) = (Vec::new(), Vec::new());
    let mut left = limits.characters;
    for sheet in workbook.sheets_metadata().to_vec() {
        if sheet.typ != SheetType::WorkSheet {
            continue;
        }
        if sheet.visible != SheetVisible::Visible {
            warnings.push(format!("sheet {}: hidden, not read", sheet.name));
            continue;
        }
        pages.extend(read_sheet(&mut workbook, &sheet.name, &mut left)?);
    }
    if pages.is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "no sheet of the workbook has a cell with something in it"));
    }
    Ok(ParsedDocument { format: Format::Xlsx, title, pages, warnings, unreadable_pages: Vec::new(), ocr: None })
}

fn read_sheet(workbook: &mut Xlsx<Cursor<Vec<u8>>>, name: &str, left: &mut usize) -> Result<Vec<Page>, Refusal> {
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|error| damaged(&error))?;
    let mut rows = Rows::new(vec![format!("Sheet: {name}")]);
    let (mut number, mut row): (u32, Vec<Cell>) = (0, Vec::new());
    while let Some(cell) = cells.next_cell().map_err(|error| damaged(&error))? {
        let (line, column) = cell.get_position();
        let Some(text) = shown(cell.get_value()) else { continue };
        *left = left.checked_sub(text.len()).ok_or_else(too_long)?;
        if line != number {
            rows.push(number + 1, std::mem::take(&mut row));
            number = line;
        }
        row.push((column as usize, text));
    }
    rows.push(number + 1, row);
    Ok(rows.finish())
}

fn too_long() -> Refusal {
    Refusal::new(RefusalKind::TooLarge, "the workbook has more characters than are read; split it")
}

fn damaged(error: &XlsxError) -> Refusal {
    match error {
        XlsxError::Password => {
            Refusal::new(RefusalKind::Encrypted, "the workbook needs a password; save a copy without")
        }
        _ => Refusal::new(RefusalKind::Corrupt, format!("the workbook is damaged: {error}")),
    }
}

/// A cell as its sheet shows it, on one line; nothing for an empty one.
fn shown(value: &DataRef<'_>) -> Option<String> {
    let text = match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => decimal(*number),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(yes) => if *yes { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(time) => date(time),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => return None,
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// A number with the fifteen digits that a sheet keeps: 0.1 + 0.2 is 0.3.
fn decimal(number: f64) -> String {
    let rounded = format!("{number:.14e}").parse().unwrap_or(number);
    format!("{rounded}")
}

fn date(time: &ExcelDateTime) -> String {
    let days = time.as_f64();
    if time.is_duration() {
        let seconds = (days * 86_400.0).round();
        let (hours, rest) = ((seconds / 3_600.0).floor(), seconds.rem_euclid(3_600.0));
        return format!("{hours}:{:02}:{:02}", (rest / 60.0).floor(), rest.rem_euclid(60.0));
    }
    let (year, month, day, hour, minute, _, _) = time.to_ymd_hms_milli();
    let clock = format!("{hour:02}:{minute:02}");
    match () {
        () if days < 1.0 => clock,
        () if days.fract() == 0.0 => format!("{year}-{month:02}-{day:02}"),
        () => format!("{year}-{month:02}-{day:02} {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::ExcelDateTimeType::{DateTime, TimeDelta};

    #[test]
    fn numbers_and_dates_read_as_in_the_sheet() {
        let at = |days, kind| DataRef::DateTime(ExcelDateTime::new(days, kind, false));
        let table = [
            (DataRef::Float(3.0), "3"),
            (DataRef::Float(0.1 + 0.2), "0.3"),
            (DataRef::Float(-1234.5), "-1234.5"),
            (at(45_352.0, DateTime), "2024-03-01"),
            (at(45_352.75, DateTime), "2024-03-01 18:00"),
            (at(0.5, DateTime), "12:00"),
            (at(1.5, TimeDelta), "36:00:00"),
            (DataRef::SharedString(" two\nlines "), "two lines"),
            (DataRef::Bool(true), "TRUE"),
        ];
        for (value, expected) in table {
            assert_eq!(shown(&value).as_deref(), Some(expected), "{value:?}");
        }
        assert_eq!(shown(&DataRef::String(" ".to_owned())), None);
    }
}
