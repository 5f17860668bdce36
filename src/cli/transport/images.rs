//! Images as measures, and plans as pictures.

use super::tables::{Reader, Table};
use faer::Mat;
use std::io::{BufReader, BufWriter};

/// Pixels along the longer side of a picture of a plan, at most.
pub(super) const PICTURE: usize = 512;

/// Reads intensities, and averages them over boxes where `resize × resize` pixels are wanted.
pub(super) fn image(
    path: &str,
    resize: Option<usize>,
    files: &mut Reader,
) -> Result<Table, String> {
    let image = if path.to_ascii_lowercase().ends_with(".png") {
        png(path)?
    } else {
        files.table(path)?
    };
    if let Some(bad) = image.values.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
        return Err(format!(
            "{path}: expected intensities that are finite and not negative, found {bad}"
        ));
    }
    if !image.values.iter().any(|v| *v > 0.0) {
        return Err(format!("{path}: every pixel is zero"));
    }
    match resize {
        None => Ok(image),
        Some(0) => Err("--resize: expected at least 1, found 0".into()),
        Some(k) if k > image.rows || k > image.columns => Err(format!(
            "{path}: --resize {k}: the image has only {} x {} pixels",
            image.rows, image.columns
        )),
        Some(k) => Ok(boxes(&image, k, k)),
    }
}

/// Averages over boxes, which are as equal as whole pixels allow.
fn boxes(image: &Table, rows: usize, columns: usize) -> Table {
    let edge = |k: usize, of: usize, to: usize| k * of / to;
    let mut values = Vec::with_capacity(rows * columns);
    for r in 0..rows {
        for c in 0..columns {
            let (top, bottom) = (edge(r, image.rows, rows), edge(r + 1, image.rows, rows));
            let (left, right) = (
                edge(c, image.columns, columns),
                edge(c + 1, image.columns, columns),
            );
            let line = |i: usize| {
                image.values[i * image.columns + left..i * image.columns + right]
                    .iter()
                    .sum::<f64>()
            };
            let sum: f64 = (top..bottom).map(line).sum();
            values.push(sum / ((bottom - top) * (right - left)) as f64);
        }
    }
    Table {
        rows,
        columns,
        values,
    }
}

fn png(path: &str) -> Result<Table, String> {
    let fail = |e: &dyn std::fmt::Display| format!("{path}: {e}");
    let file = std::fs::File::open(path).map_err(|e| fail(&e))?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|e| fail(&e))?;
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| format!("{path}: the image is too large"))?;
    let mut bytes = vec![0; size];
    let info = reader.next_frame(&mut bytes).map_err(|e| fail(&e))?;
    let (rows, columns) = (info.height as usize, info.width as usize);
    let channels = info.color_type.samples();
    // Samples of 16 bits come in two bytes, the larger one first.
    let width = if info.bit_depth == png::BitDepth::Sixteen {
        2
    } else {
        1
    };
    let grey = |pixel: &[u8]| {
        let v = |k: usize| match pixel[k * width..(k + 1) * width] {
            [high, low] => f64::from(u16::from_be_bytes([high, low])) / 257.0,
            ref byte => f64::from(byte[0]),
        };
        // Rec. 709 luminance; transparency is ignored.
        if channels >= 3 {
            0.2126 * v(0) + 0.7152 * v(1) + 0.0722 * v(2)
        } else {
            v(0)
        }
    };
    let lines = bytes.chunks(info.line_size).take(rows);
    let values = lines
        .flat_map(|l| {
            let bytes = &l[..columns * channels * width];
            bytes.chunks(channels * width).map(grey)
        })
        .collect();
    Ok(Table {
        rows,
        columns,
        values,
    })
}

/// One over the largest squared distance of pixel centres in the two images.
pub(super) fn scale(a: &Table, b: &Table) -> f64 {
    let side = |x: usize, y: usize| (x.max(y).max(1) - 1) as f64;
    let square = side(a.rows, b.rows).powi(2) + side(a.columns, b.columns).powi(2);
    if square > 0.0 { 1.0 / square } else { 1.0 }
}

/// The centres of the pixels that are not zero (2 × n), and their intensities scaled to total one.
pub(super) fn points(image: &Table) -> (Mat<f64>, Vec<f64>) {
    let kept: Vec<usize> = (0..image.values.len())
        .filter(|k| image.values[*k] > 0.0)
        .collect();
    let total: f64 = image.values.iter().sum();
    let place = |c: usize, k: usize| {
        let k = kept[k];
        (if c == 0 {
            k / image.columns
        } else {
            k % image.columns
        }) as f64
    };
    let masses = kept.iter().map(|k| image.values[*k] / total).collect();
    (Mat::from_fn(2, kept.len(), place), masses)
}

/// Writes a plan (column by column) as a picture, dark where there is mass. A large plan is averaged over boxes.
pub(super) fn picture(path: &str, plan: &[f64], rows: usize, columns: usize) -> Result<(), String> {
    let by_row = (0..rows * columns)
        .map(|k| plan[k / columns + rows * (k % columns)])
        .collect();
    let table = Table {
        rows,
        columns,
        values: by_row,
    };
    let table = boxes(&table, rows.min(PICTURE), columns.min(PICTURE));
    let most = table
        .values
        .iter()
        .copied()
        .fold(f64::MIN_POSITIVE, f64::max);
    // The square root keeps small masses visible.
    let shades: Vec<u8> = table
        .values
        .iter()
        .map(|v| 255 - (255.0 * (v / most).sqrt()).round() as u8)
        .collect();
    if path.to_ascii_lowercase().ends_with(".png") {
        let fail = |e: &dyn std::fmt::Display| format!("{path}: {e}");
        let file = std::fs::File::create(path).map_err(|e| fail(&e))?;
        let mut encoder = png::Encoder::new(
            BufWriter::new(file),
            table.columns as u32,
            table.rows as u32,
        );
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(|e| fail(&e))?;
        return writer.write_image_data(&shades).map_err(|e| fail(&e));
    }
    std::fs::write(path, svg(&shades, table.rows, table.columns))
        .map_err(|e| format!("{path}: {e}"))
}

/// A picture of grey cells; runs of equal shade in a row are one rectangle, white is left out.
fn svg(shades: &[u8], rows: usize, columns: usize) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {columns} {rows}\" width=\"640\" shape-rendering=\"crispEdges\">\n\
         <rect width=\"{columns}\" height=\"{rows}\" fill=\"white\"/>\n"
    );
    for (y, line) in shades.chunks(columns).enumerate() {
        let mut x = 0;
        for run in line.chunk_by(|a, b| a == b) {
            if run[0] < 255 {
                let (s, w) = (run[0], run.len());
                text += &format!(
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"1\" fill=\"rgb({s},{s},{s})\"/>\n"
                );
            }
            x += run.len();
        }
    }
    text + "</svg>\n"
}
