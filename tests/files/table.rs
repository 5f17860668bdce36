//! What the reader of tables makes of text, arrays and archives.

use dyncvx::io::table::{Table, read, read_arcs, write_npy};

fn table(bytes: &[u8]) -> Table {
    let text = bytes.escape_ascii();
    read(bytes)
        .unwrap_or_else(|e| panic!("{e} in {text}"))
        .content
}

fn refused(bytes: &[u8], expected: &str) {
    let text = bytes.escape_ascii();
    match read(bytes) {
        Ok(noted) => panic!("{text} is read as {:?}", noted.content),
        Err(e) => assert!(e.to_string().contains(expected), "{e} in {text}"),
    }
}

#[test]
fn every_separator_and_line_end_means_the_same() {
    let expected = Table {
        rows: 2,
        columns: 3,
        values: vec![1.0, -2.5, 3e4, 0.0, f64::INFINITY, 6.0],
    };
    for separator in [",", ";", "\t", " ", ", ", " ; ", "   ", ",\t", " \t"] {
        for end in ["\n", "\r\n", "\r"] {
            let line = |numbers: [&str; 3]| numbers.join(separator) + end;
            let text = line(["1", "-2.5", "+3e4"]) + &line(["0", "inf", "6.D0"]);
            let quoted = line(["\"1\"", "\"-2.5\"", "3E4"]) + &line(["\"0\"", "inf", "6"]);
            let commented = format!("# three{separator}numbers{end}{end}{text}{end}  {end}");
            for text in [&text, &quoted, &commented, text.trim_end()] {
                for mark in ["", "\u{feff}"] {
                    let noted = read(format!("{mark}{text}").as_bytes()).unwrap();
                    assert_eq!(noted.content, expected, "{text:?}");
                    assert!(noted.notices.is_empty());
                }
            }
        }
    }
    assert_eq!(table(b"sep=;\r\n1;2\r\n"), table(b"1 2"));
    assert_eq!(table(b" 1 2 \n3 4\n"), table(b"1,2\n3,4"));
    // A first line with one number does not say what separates numbers.
    assert_eq!((table(b"1\n2\n").rows, table(b"1\n2\n").columns), (2, 1));
}

#[test]
fn one_line_of_names_is_left_out_and_told() {
    let headers: [&[u8]; 8] = [
        b"x,y\n1,2\n",
        b"\xef\xbb\xbfx;y\r\n1;2\r\n",
        b"\"mass (kg)\"\t\"y\"\n1\t2\n",
        b"# comment\n\nx y\n1 2\n",
        b"first mass,second\n1,2\n",
        b"sep=,\nx,y\n1,2",
        ",x\u{e4}\n1,2\n".as_bytes(),
        b"x1,x2\r1,2\r",
    ];
    for bytes in headers {
        let noted = read(bytes).unwrap();
        assert_eq!(noted.content, table(b"1,2"), "{}", bytes.escape_ascii());
        assert_eq!(noted.notices.len(), 1, "{}", bytes.escape_ascii());
        let said = noted.notices[0].to_string();
        assert!(said.contains("the column names `"), "{said}");
    }
}

#[test]
fn what_may_be_a_number_is_never_taken_for_a_name() {
    for (text, expected) in [
        (
            "0.5,abc\n1,2\n",
            "line 1, column 5: expected a number, found `abc`",
        ),
        ("1.2.3,4\n", "line 1, column 1"),
        ("NA,1\n", "found `NA`"),
        ("NA,NA\n1,2\n", "found `NA`"),
        ("0x10,x\n1,2\n", "found `0x10`"),
        ("--,--\n1,2\n", "found `--`"),
        (
            "x,y\nz,w\n1,2\n",
            "line 2, column 1: expected a number, found `z`",
        ),
        (
            "1,2\nx,y\n",
            "line 2, column 1: expected a number, found `x`",
        ),
        ("x,y\n", "expected numbers, found none"),
        ("", "expected numbers, found none"),
        ("# 1\n", "expected numbers, found none"),
        (
            "1,2,\n",
            "line 1, column 5: expected a number, found nothing",
        ),
        (
            "1,,2\n",
            "line 1, column 3: expected a number, found nothing",
        ),
        ("1;2\n3\n", "line 2, column 1: expected 2 numbers, found 1"),
        ("1\n2,3\n", "line 2, column 1: expected 1 numbers, found 2"),
    ] {
        refused(text.as_bytes(), expected);
    }
    refused(b"1,2\n3,\xff\n", "line 2, column 3: expected text");
    refused(b"\xff\xfe1\0,\0", "byte order mark of UTF-16");
}

#[test]
fn a_decimal_comma_is_refused_by_name() {
    for text in [
        "0,5;0,5\n",
        "1;2\n0,5;1\n",
        "0,5\t1\n",
        "x;y\n0,5;1\n",
        "\"0,5\";1\n",
    ] {
        refused(text.as_bytes(), "found a decimal comma in `0,5`");
    }
    refused(b"0,5 0,5\n", "a decimal comma is not supported");
    refused(b"1 2\n0,5 1\n", "found a decimal comma in `0,5`");
}

/// An array with this header and these bytes.
fn npy(kind: &str, shape: &str, by_column: bool, data: &[u8]) -> Vec<u8> {
    let order = if by_column { "True" } else { "False" };
    let header = format!("{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    [bytes, header.into_bytes(), data.to_vec()].concat()
}

#[test]
fn arrays_of_every_number_are_read() {
    let expected = Table {
        rows: 1,
        columns: 2,
        values: vec![1.0, 2.0],
    };
    let kinds: [(&str, [&[u8]; 2]); 11] = [
        ("f8", [&1f64.to_be_bytes(), &2f64.to_be_bytes()]),
        ("f4", [&1f32.to_be_bytes(), &2f32.to_be_bytes()]),
        ("i1", [&[1], &[2]]),
        ("i2", [&[0, 1], &[0, 2]]),
        ("i4", [&[0, 0, 0, 1], &[0, 0, 0, 2]]),
        ("i8", [&1i64.to_be_bytes(), &2i64.to_be_bytes()]),
        ("u1", [&[1], &[2]]),
        ("u2", [&[0, 1], &[0, 2]]),
        ("u4", [&[0, 0, 0, 1], &[0, 0, 0, 2]]),
        ("u8", [&1u64.to_be_bytes(), &2u64.to_be_bytes()]),
        ("b1", [&[1], &[1]]),
    ];
    for (kind, items) in kinds {
        let big: Vec<u8> = items.concat();
        let little: Vec<u8> = items.iter().flat_map(|b| b.iter().rev().copied()).collect();
        for (order, data) in [('>', big), ('<', little)] {
            let file = npy(&format!("'{order}{kind}'"), "(1, 2)", false, &data);
            let mut expected = expected.clone();
            if kind == "b1" {
                expected.values[1] = 1.0;
            }
            assert_eq!(table(&file), expected, "{order}{kind}");
        }
    }
    // By column, as a vector, and the notations of other programs.
    let data: Vec<u8> = (0..6).flat_map(|v| f64::from(v).to_le_bytes()).collect();
    let by_column = table(&npy("'<f8'", "(2, 3)", true, &data));
    assert_eq!(by_column.values, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    for shape in ["(6,)", "(6L,)", "( 6, )", "(6)"] {
        let vector = table(&npy("\"<f8\"", shape, false, &data));
        assert_eq!((vector.rows, vector.columns), (6, 1), "{shape}");
    }
    // The writer is understood.
    let mut out = vec![];
    write_npy((2, 3), by_column.values.iter().copied(), &mut out).unwrap();
    assert_eq!(out.len() % 64, 48);
    assert_eq!(table(&out), by_column);
}

#[test]
fn other_arrays_are_refused() {
    let data = [0; 64];
    for (kind, shape, expected) in [
        ("'<c16'", "(2,)", "found <c16"),
        ("'<f2'", "(2,)", "found <f2"),
        ("'|O'", "(2,)", "found |O"),
        ("'<M8[ns]'", "(2,)", "found <M8[ns]"),
        ("'|S3'", "(2,)", "found |S3"),
        ("'é8'", "(2,)", "found é8"),
        ("''", "(2,)", "expected whole numbers"),
        ("[('x', '<f8')]", "(2,)", "one of records"),
        ("'<f8'", "()", "one or two axes, found 0"),
        ("'<f8'", "(2, 2, 2)", "one or two axes, found 3"),
        ("'<f8'", "(0, 5)", "expected numbers, found none"),
        ("'<f8'", "(9,)", "found 64 bytes"),
        (
            "'<f8'",
            "(18446744073709551615, 18446744073709551615)",
            "found 64 bytes",
        ),
        ("'<f8'", "(99999999999999999999999,)", "a number of entries"),
        ("'<f8'", "(-1,)", "a number of entries"),
        ("'<f8'", "((2,),)", "a number of entries"),
        ("'<f8", "(2,)", "expected `}` before"),
        ("<f8'", "(2,)", "quotation marks"),
    ] {
        refused(&npy(kind, shape, false, &data), expected);
    }
    let whole = npy("'<f8'", "(8,)", false, &data);
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
    let mut version = whole.clone();
    version[6] = 9;
    refused(&version, "version 1, 2 or 3, found 9");
}

#[test]
fn arcs_are_refused_if_a_pair_is_given_twice() {
    let text = "row;column;cost\n0;0;1\n1;0;2\n0;1;3\n1;0;4\n0;0;5\n";
    let error = read_arcs(text.as_bytes()).unwrap_err().to_string();
    let expected = "arc 4: expected every pair of row and column once, found row 1 and column 0 again, after arc 2";
    assert_eq!(error, expected);
    let arcs = read_arcs(b"2 1 0.5\n0 1 -1\n").unwrap().content;
    assert_eq!(arcs.arcs, [(2, 1, 0.5), (0, 1, -1.0)]);
    assert_eq!(arcs.shape, None);
    for empty in [
        b"".as_slice(),
        b" \n",
        b"# row,column,cost\n",
        b"row,column,cost\n",
    ] {
        assert_eq!(read_arcs(empty).unwrap().content.arcs, []);
    }
    for (text, expected) in [
        ("0,0\n", "row, column and cost of every arc, found 2"),
        (
            "0,0.5,1\n",
            "arc 1: expected a column counted from 0, found 0.5",
        ),
        (
            "0,0,1\n-1,0,1\n",
            "arc 2: expected a row counted from 0, found -1",
        ),
        (
            "nan,0,1\n",
            "arc 1: expected a row counted from 0, found NaN",
        ),
        ("1e300,0,1\n", "arc 1: expected a row counted from 0"),
    ] {
        let error = read_arcs(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Archives as Python's `zipfile` writes them in the way of NumPy: packed, with fields for large files.
#[cfg(feature = "npz")]
mod archives {
    use super::*;
    use dyncvx::io::table::write_coo;
    use std::io::Cursor;

    fn file(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tables");
        std::fs::read(format!("{folder}/{name}.npz")).unwrap()
    }

    #[test]
    fn a_packed_array_is_a_table() {
        let cost = table(&file("cost"));
        assert_eq!((cost.rows, cost.columns), (2, 3));
        assert_eq!(cost.values, [1.0, 0.0, 3.0, 2.0, 0.5, 4.0]);
        refused(
            &file("two"),
            "expected an archive with one array, found 2: `mu`, `nu`",
        );
    }

    #[test]
    fn sparse_matrices_of_three_formats_are_arcs() {
        let mut expected = vec![(0, 0, 1.0), (0, 2, 2.0), (1, 1, 0.5), (1, 2, 0.0)];
        for name in ["coo", "csr", "csc"] {
            let mut found = read_arcs(&file(name)).unwrap().content;
            found.arcs.sort_by_key(|arc| (arc.0, arc.1));
            assert_eq!(
                (found.shape, &found.arcs),
                (Some((2, 3)), &expected),
                "{name}"
            );
        }
        let error = read_arcs(&file("repeated")).unwrap_err().to_string();
        assert!(error.starts_with("arc 3: expected every pair"), "{error}");
        let error = read_arcs(&file("two")).unwrap_err().to_string();
        assert!(error.contains("no array `data`"), "{error}");
        // What is written is read.
        expected.reverse();
        let mut out = Cursor::new(vec![]);
        write_coo((2, 3), &expected, &mut out).unwrap();
        assert_eq!(read_arcs(&out.into_inner()).unwrap().content.arcs, expected);
    }

    #[test]
    fn damaged_archives_are_refused() {
        for name in ["coo", "csr", "cost"] {
            let whole = file(name);
            for length in 2..whole.len() {
                assert!(read_arcs(&whole[..length]).is_err(), "{name}, {length}");
            }
            // A flipped bit is found by the sum of the archive, or leaves the numbers as they are.
            let clean = read_arcs(&whole).ok().map(|noted| noted.content.arcs);
            for k in 0..whole.len() {
                let mut flipped = whole.clone();
                flipped[k] ^= 0x10;
                if let Ok(noted) = read_arcs(&flipped) {
                    assert_eq!(Some(noted.content.arcs), clean, "{name}, byte {k}");
                }
            }
        }
    }
}

#[cfg(not(feature = "npz"))]
#[test]
fn archives_need_their_feature() {
    let error = read(b"PK\x03\x04").unwrap_err();
    assert!(error.to_string().contains("feature `npz` is off"));
}
