//! Line charts as SVG files. The reproductions in `papers/` use this file too.

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// A curve: its name and points.
pub type Series = (String, Vec<(f64, f64)>);

/// Title and axes of a chart. An empty label is not drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Labels<'a> {
    /// Above the curves.
    pub title: &'a str,
    /// Along the horizontal axis.
    pub x: &'a str,
    /// Along the vertical axis.
    pub y: &'a str,
    /// Whether the x and the y axis are logarithmic. Points that are not positive are left out on such an axis.
    pub log: (bool, bool),
}

/// Draws the curves into a file, with a dot at each point of a curve that has at most 40.
pub fn lines(
    file: impl AsRef<Path>,
    labels: Labels<'_>,
    series: &[Series],
) -> Result<(), Box<dyn Error>> {
    let shown = |v: f64, log: bool| v.is_finite() && (v > 0.0 || !log);
    let kept = |&&(x, y): &&(f64, f64)| shown(x, labels.log.0) && shown(y, labels.log.1);
    let series: Vec<Series> = series
        .iter()
        .map(|(name, points)| (name.clone(), points.iter().filter(kept).copied().collect()))
        .collect();
    let bounds = |coordinate: fn(&(f64, f64)) -> f64, log: bool| {
        let (low, high) = series
            .iter()
            .flat_map(|(_, points)| points.iter().map(coordinate))
            .fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        match (low <= high, log) {
            (false, _) => 1.0..2.0,
            (true, true) => low / 1.3..high * 1.3,
            (true, false) => low.min(0.0)..high + 0.05 * (high - low).max(1e-12),
        }
    };
    let (x, y) = (bounds(|p| p.0, labels.log.0), bounds(|p| p.1, labels.log.1));
    let file = file.as_ref();
    match labels.log {
        (true, true) => draw(file, labels, &series, x.log_scale(), y.log_scale()),
        (true, false) => draw(file, labels, &series, x.log_scale(), y),
        (false, true) => draw(file, labels, &series, x, y.log_scale()),
        (false, false) => draw(file, labels, &series, x, y),
    }
}

fn draw<X, Y>(
    file: &Path,
    labels: Labels<'_>,
    series: &[Series],
    x: X,
    y: Y,
) -> Result<(), Box<dyn Error>>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let area = SVGBackend::new(file, (760, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(labels.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    let power = |v: &f64| format!("{v:.0e}");
    // Rounded: sums of steps like 0.1 would show as 0.30000000000000004.
    let plain = |v: &f64| format!("{}", (v * 1e9).round() / 1e9);
    let mut mesh = chart.configure_mesh();
    mesh.x_label_formatter(&plain).y_label_formatter(&plain);
    if !labels.x.is_empty() {
        mesh.x_desc(labels.x);
    }
    if !labels.y.is_empty() {
        mesh.y_desc(labels.y);
    }
    if labels.log.1 {
        mesh.y_label_formatter(&power);
    }
    mesh.draw()?;
    for (k, (name, points)) in series.iter().enumerate() {
        let colour = Palette99::pick(k).to_rgba();
        chart
            .draw_series(LineSeries::new(
                points.iter().copied(),
                colour.stroke_width(2),
            ))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        if points.len() <= 40 {
            chart.draw_series(points.iter().map(|&p| Circle::new(p, 3, colour.filled())))?;
        }
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
