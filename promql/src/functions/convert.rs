//! `scalar`: the value of the only series, if there is just one.

use crate::engine::QueryError;
use crate::eval::Eval;
use crate::eval::series::{Scalar, is_absent};
use crate::plan::node::{Grid, Node};

pub(super) fn scalar(eval: &mut Eval<'_>, node: &Node, grid: Grid) -> Result<Scalar, QueryError> {
    let mut values = vec![f64::NAN; grid.len()];
    let mut found = vec![0u8; grid.len()];
    eval.each(node, grid, &mut |eval, series| {
        for (step, &v) in series.v.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
            values[step] = if found[step] == 0 { v } else { f64::NAN };
            found[step] = 1;
        }
        eval.recycle(series.v);
        Ok(())
    })?;
    Ok(Scalar::Steps(values))
}
