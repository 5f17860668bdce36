//! Line plots as SVG files; the reproductions in `papers/` use it too.

use plotters::prelude::*;
use std::error::Error;

/// A curve: its name and points.
pub(crate) struct Curve {
    pub label: String,
    pub points: Vec<(f64, f64)>,
    /// Whether it is a reference rather than a measurement: drawn thin, without marks.
    pub reference: bool,
}

/// Names of a plot and of its axes, and whether the horizontal one is logarithmic.
pub(crate) struct Axes<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    pub log_x: bool,
}

/// Draws curves over a logarithmic vertical axis. Points that have no logarithm are left out.
pub(crate) fn curves(path: &str, axes: &Axes<'_>, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let shown = |p: &(f64, f64)| p.1 > 0.0 && p.1.is_finite() && (!axes.log_x || p.0 > 0.0);
    let all = || curves.iter().flat_map(|c| &c.points).filter(|p| shown(p));
    let bounds = |f: fn(&(f64, f64)) -> f64| {
        let (low, high) = all()
            .map(f)
            .fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        if low <= high {
            (low, high)
        } else {
            (1.0, 10.0)
        }
    };
    let ((left, right), (low, high)) = (bounds(|p| p.0), bounds(|p| p.1));
    let area = SVGBackend::new(path, (760, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut builder = ChartBuilder::on(&area);
    builder
        .caption(axes.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(64);
    let vertical = (low / 1.4..high * 1.6).log_scale();
    // Two types of chart: the horizontal axis is part of it.
    macro_rules! draw {
        ($horizontal:expr, $format:expr) => {{
            let mut chart = builder.build_cartesian_2d($horizontal, vertical)?;
            chart
                .configure_mesh()
                .x_desc(axes.x)
                .y_desc(axes.y)
                .x_label_formatter(&$format)
                .y_label_formatter(&|v| number(*v))
                .draw()?;
            for (k, curve) in curves.iter().enumerate() {
                let colour = Palette99::pick(k).to_rgba();
                let width = if curve.reference { 1 } else { 2 };
                let points = || curve.points.iter().copied().filter(shown);
                let style = colour.stroke_width(width);
                chart
                    .draw_series(LineSeries::new(points(), style))?
                    .label(&curve.label)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
                if !curve.reference {
                    chart.draw_series(points().map(|p| Circle::new(p, 2, colour.filled())))?;
                }
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .background_style(WHITE.mix(0.85))
                .border_style(BLACK)
                .draw()?;
        }};
    }
    if axes.log_x {
        draw!((left / 1.1..right * 1.1).log_scale(), |v: &f64| number(*v));
    } else {
        draw!(left..right, |v: &f64| format!("{v:.0}"));
    }
    area.present()?;
    Ok(())
}

fn number(v: f64) -> String {
    if (0.01..1000.0).contains(&v) {
        format!("{v}")
    } else {
        format!("{v:.0e}")
    }
}
