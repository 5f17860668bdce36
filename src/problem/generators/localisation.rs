//! Localisation of sensors from distances.

use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_range, check_shape, invalid_setting};
use crate::problem::SemidefiniteProgram;
use crate::random::{Lane, Seed, unit};

/// Distance of the anchors from the axes.
const ANCHOR: f64 = 0.45;

/// Sensors in the plane, and the program that locates them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Localisation {
    /// The program; [`Localisation::located`] reads positions off its dual matrix.
    pub program: SemidefiniteProgram,
    /// True positions of the sensors.
    pub positions: Vec<[f64; 2]>,
    /// Positions of the anchors, which are known.
    pub anchors: Vec<[f64; 2]>,
    /// Measured pairs `(other, sensor)`: `other` is an earlier sensor, or the number of sensors plus the index of an anchor.
    pub links: Vec<(usize, usize)>,
}

impl Localisation {
    /// The positions of the sensors that a flat primal `x` of [`SemidefiniteProgram::conic`] holds.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub fn located(&self, x: &[f64]) -> Result<Vec<[f64; 2]>> {
        let order = self.positions.len() + 2;
        let ambient = self.program.matrices().ambient();
        check_shape("x", (ambient, 1), (x.len(), 1))?;
        let column = |j: usize| [x[j * order], x[j * order + 1]];
        Ok((2..order).map(column).collect())
    }
}

/// `sensors` uniform in the square `[−½, ½]²` with four anchors at `(±0.45, ±0.45)`; each sensor measures its exact distance to the `links`
/// nearest of the anchors and the sensors before it.
///
/// With `Z = [[I, X], [Xᵀ, Y]] ⪰ 0` of order `2 + n`, a squared distance is linear in `Z`[^BY04]. The program minimises the sum of
/// the absolute errors of the squared distances, with two nonnegative slacks per measurement, so that both sides have an interior
/// for any measurements. With three or more links the graph is a trilateration graph, for which the relaxation determines all
/// positions[^SY07]: the optimal value is 0, and `X` holds [`Localisation::positions`].
///
/// As an SDPA file states it: one block of order `2 + n` and one of `2·measurements` numbers, `m = 3 + measurements`.
///
/// ```
/// let found = dyncvx::problem::generators::localisation(5, 3, 1.into())?;
/// assert_eq!((found.links.len(), found.program.costs().len()), (15, 18));
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for no sensors, and for fewer than 3 or more than 4 links.
///
/// # Complexity
/// `O(n² log n)`.
///
/// [^BY04]: Biswas, Ye. Semidefinite programming for ad hoc wireless sensor network localization. IPSN 2004.
/// [^SY07]: So, Ye. Theory of semidefinite programming for sensor network localization. Mathematical Programming 109, 2007.
pub fn localisation(sensors: usize, links: usize, seed: Seed) -> Result<Localisation> {
    if sensors == 0 {
        return invalid_setting("sensors", "expected one or more, found none");
    }
    // The first sensor has links to the four anchors only.
    check_range("links", 3..=4, links)?;
    // Refused here if no matrix of this order can be stored, before anything is drawn.
    Constraints::builder(0, &[Block::Psd(sensors.saturating_add(2))])?;
    let mut rng = seed.stream(Lane::GENERATOR, 0, 0);
    let positions: Vec<[f64; 2]> = (0..sensors)
        .map(|_| [unit(&mut rng) - 0.5, unit(&mut rng) - 0.5])
        .collect();
    let anchors: Vec<[f64; 2]> = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
        .map(|(x, y)| [ANCHOR * x, ANCHOR * y])
        .to_vec();
    let squared = |p: &[f64; 2], q: &[f64; 2]| (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2);
    let place = |k: usize| {
        if k < sensors {
            &positions[k]
        } else {
            &anchors[k - sensors]
        }
    };
    // Each sensor measures the nearest of the anchors and the earlier sensors.
    let mut pairs = vec![];
    for (j, here) in positions.iter().enumerate() {
        let mut near: Vec<usize> = (0..j).chain(sensors..sensors + anchors.len()).collect();
        near.sort_by(|&a, &b| squared(place(a), here).total_cmp(&squared(place(b), here)));
        near.truncate(links);
        pairs.extend(near.into_iter().map(|k| (k, j)));
    }
    // Three rows fix the identity block of Z; one row per measurement.
    let count = pairs.len();
    let blocks = [Block::Psd(2 + sensors), Block::Nonneg(2 * count)];
    let mut a = Constraints::builder(3 + count, &blocks)?;
    let mut costs = vec![1.0, 1.0, 0.0];
    a.entry(0, 0, 0, 0, 1.0)?;
    a.entry(1, 0, 1, 1, 1.0)?;
    a.entry(2, 0, 0, 1, 0.5)?;
    for (k, &(i, j)) in pairs.iter().enumerate() {
        let (row, other) = (3 + k, 2 + j);
        a.entry(row, 0, other, other, 1.0)?;
        if i < sensors {
            // ‖x_i − x_j‖².
            a.entry(row, 0, 2 + i, 2 + i, 1.0)?
                .entry(row, 0, 2 + i, other, -1.0)?;
        } else {
            // ‖p − x_j‖² = ‖p‖² − 2pᵀx_j + Y_jj.
            let p = anchors[i - sensors];
            a.entry(row, 0, 0, 0, p[0] * p[0])?
                .entry(row, 0, 1, 1, p[1] * p[1])?
                .entry(row, 0, 0, 1, p[0] * p[1])?
                .entry(row, 0, 0, other, -p[0])?
                .entry(row, 0, 1, other, -p[1])?;
        }
        a.entry(row, 1, 2 * k, 2 * k, 1.0)?
            .entry(row, 1, 2 * k + 1, 2 * k + 1, -1.0)?;
        costs.push(squared(place(i), &positions[j]));
    }
    let mut constant = Constraints::builder(1, &blocks)?;
    for k in 0..2 * count {
        constant.entry(0, 1, k, k, -1.0)?;
    }
    let program = SemidefiniteProgram::new(costs, a.build()?, constant.build()?)?;
    Ok(Localisation {
        program,
        positions,
        anchors,
        links: pairs,
    })
}
