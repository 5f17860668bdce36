//! The macro that forwards methods of [`Projection`](super::Projection) to an inner structure.

/// Implements the listed methods by the methods of an inner structure: `forward!(self => self.inner; shape supports update);`.
macro_rules! forward {
    ($this:ident => $inner:expr; $($method:ident)+) => {
        $( $crate::projection::forward::forward!(@$method $this ($inner)); )+
    };
    (@shape $this:ident $inner:tt) => {
        fn shape(&$this) -> $crate::projection::Shape {
            $inner.shape()
        }
    };
    (@supports $this:ident $inner:tt) => {
        fn supports(&$this, form: $crate::constraints::WeightForm) -> $crate::projection::Support {
            $inner.supports(form)
        }
    };
    (@report $this:ident $inner:tt) => {
        fn report(&$this) -> $crate::projection::Report {
            $inner.report()
        }
    };
    (@replace_values $this:ident $inner:tt) => {
        fn replace_values(
            &mut $this,
            rows: &::std::sync::Arc<$crate::constraints::Constraints>,
        ) -> $crate::error::Result<$crate::projection::Replaced> {
            $inner.replace_values(rows)
        }
    };
    (@update $this:ident $inner:tt) => {
        fn update(
            &mut $this,
            weight: &[$crate::constraints::BlockWeight<'_>],
        ) -> $crate::error::Result<$crate::projection::Refresh> {
            $inner.update(weight)
        }
    };
    (@operator $this:ident $inner:tt) => {
        fn operator(
            &mut $this,
            goal: $crate::projection::Goal,
        ) -> $crate::error::Result<&mut $crate::constraints::Weighted> {
            $inner.operator(goal)
        }
    };
    (@solve $this:ident $inner:tt) => {
        fn solve(
            &mut $this,
            rhs: ::faer::MatMut<'_, f64>,
            goal: $crate::projection::Goal,
        ) -> $crate::error::Result<$crate::projection::Accuracy> {
            $inner.solve(rhs, goal)
        }
    };
    (@query $this:ident $inner:tt) => {
        fn query(
            &mut $this,
            h: ::faer::MatRef<'_, f64>,
            goal: $crate::projection::Goal,
            multipliers: ::faer::MatMut<'_, f64>,
            projected: ::faer::MatMut<'_, f64>,
        ) -> $crate::error::Result<$crate::projection::Accuracy> {
            $inner.query(h, goal, multipliers, projected)
        }
    };
    (@query_in_range $this:ident $inner:tt) => {
        fn query_in_range(
            &mut $this,
            h: ::faer::ColRef<'_, f64>,
            multipliers: ::faer::MatMut<'_, f64>,
            projected: ::faer::MatMut<'_, f64>,
        ) -> $crate::error::Result<$crate::projection::Accuracy> {
            $inner.query_in_range(h, multipliers, projected)
        }
    };
    (@query_set $this:ident $inner:tt) => {
        fn query_set(
            &mut $this,
            h: ::faer::ColRef<'_, f64>,
            coords: &[usize],
            goal: $crate::projection::Goal,
            out: ::faer::MatMut<'_, f64>,
        ) -> $crate::error::Result<$crate::projection::Accuracy> {
            $inner.query_set(h, coords, goal, out)
        }
    };
}
pub(crate) use forward;
