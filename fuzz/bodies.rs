//! What every fuzz target does with its bytes. The test binary `fuzz` does the same with files that it damages.

use dyncvx::io::{mps, sdpa, table};

/// A file that is read, written and read again gives the same program, up to what the format cannot express.
pub fn mps(bytes: &[u8]) {
    let Ok(noted) = mps::read_with_notices(bytes) else {
        return;
    };
    let lines = 1 + bytes.iter().filter(|b| **b == b'\n').count();
    for notice in &noted.notices {
        assert!((1..=lines).contains(&notice.line), "{notice}");
    }
    let program = noted.content;
    let mut out = Vec::new();
    if mps::write(&program, &mut out).is_err() {
        // Names with blanks, and limits that contradict each other.
        return;
    }
    let again = mps::read(&out).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.costs(), program.costs());
    assert_eq!(again.variables(), program.variables());
    assert_eq!(again.nonzeros(), program.nonzeros());
    assert_eq!(again.row_names(), program.row_names());
}

/// A file that is read, written and read again gives the same program.
pub fn sdpa(bytes: &[u8]) {
    let Ok(noted) = sdpa::read_with_notices(bytes) else {
        return;
    };
    let mut out = Vec::new();
    sdpa::write(&noted.content, &mut out).unwrap_or_else(|e| panic!("{e}"));
    let again = sdpa::read(&out).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again, noted.content);
}

/// A table has as many numbers as rows and columns say, and lists no arc twice. Arrays are written and read again.
pub fn table(bytes: &[u8]) {
    if let Ok(noted) = table::read(bytes) {
        let table = noted.content;
        assert_eq!(
            Some(table.values.len()),
            table.rows.checked_mul(table.columns)
        );
        let mut out = Vec::new();
        let shape = (table.rows, table.columns);
        table::write_npy(shape, table.values.iter().copied(), &mut out)
            .unwrap_or_else(|e| panic!("{e}"));
        let again = table::read(&out).unwrap_or_else(|e| panic!("{e}")).content;
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&again.values), bits(&table.values));
    }
    if let Ok(noted) = table::read_arcs(bytes) {
        let mut pairs: Vec<_> = noted.content.arcs.iter().map(|a| (a.0, a.1)).collect();
        let count = pairs.len();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), count);
    }
}
