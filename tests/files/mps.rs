//! What the MPS reader makes of files, and what it refuses, and where.

use dyncvx::io::mps;
use dyncvx::problem::{Limits, LinearProgram, Sense};

fn read(file: &str) -> LinearProgram {
    mps::read(file.as_bytes()).unwrap_or_else(|e| panic!("{e} in\n{file}"))
}

/// A file with one row and two variables, and these lines before `ENDATA`.
fn with(lines: &str) -> LinearProgram {
    read(&format!(
        "NAME T\nROWS\n N C\n L R\nCOLUMNS\n X C 1 R 1\n Y C 2\n Y R 3\n{lines}ENDATA\n"
    ))
}

const FREE: &str = "* a comment\nNAME EXAMPLE\nOBJSENSE\n MAX\nROWS\n N PROFIT\n L HOURS\n N OTHER\n E EVEN\nCOLUMNS\n CHAIRS PROFIT 3 HOURS 1\n CHAIRS EVEN 1 OTHER 9\n TABLES PROFIT 5.0D0 HOURS 1\n TABLES EVEN -1\nRHS\n RHS HOURS 10 PROFIT -7\nRANGES\n RNG HOURS 2\nBOUNDS\n UP BND TABLES 4\nENDATA\nnot read\n";

#[test]
fn a_file_means_what_it_says() {
    let p = read(FREE);
    assert_eq!(
        (p.name(), p.objective_name(), p.sense()),
        ("EXAMPLE", "PROFIT", Sense::Maximise)
    );
    assert_eq!((p.costs(), p.constant()), (&[3.0, 5.0][..], 7.0));
    assert_eq!(p.row_names(), ["HOURS", "EVEN"]);
    assert_eq!(p.variable_names(), ["CHAIRS", "TABLES"]);
    assert_eq!(
        p.rows(),
        [Limits::new(8.0, 10.0).unwrap(), Limits::fixed(0.0).unwrap()]
    );
    assert_eq!(
        p.variables(),
        [Limits::NONNEGATIVE, Limits::new(0.0, 4.0).unwrap()]
    );
    let rows: Vec<Vec<_>> = (0..2).map(|i| p.row(i).collect()).collect();
    assert_eq!(rows, [[(0, 1.0), (1, 1.0)], [(0, 1.0), (1, -1.0)]]);
}

/// Names with blanks, fields by columns, comments behind a dollar sign, card numbers, no name of the set.
#[test]
fn fixed_format_is_read_by_columns() {
    let file = "\
NAME          FIXED ONE                                                 00010
ROWS
 N  COST A
 G  R 1
 E  R 2
COLUMNS
    X 1       COST A              1.   R 1                 2.
    X 1       R 2                 3.   $ a comment 4 5
    1 X       R 1             -1.5E0                                        7
RHS
              R 1                 4.   R 2                 5.
BOUNDS
 MI           1 X
 UP BND       X 1                 6.
ENDATA
";
    let p = read(file);
    assert_eq!(
        p.name(),
        "FIXED ONE                                                 00010"
    );
    assert_eq!(p.variable_names(), ["X 1", "1 X"]);
    assert_eq!(p.row_names(), ["R 1", "R 2"]);
    assert_eq!(p.costs(), [1.0, 0.0]);
    assert_eq!(p.row(0).collect::<Vec<_>>(), [(0, 2.0), (1, -1.5)]);
    assert_eq!(
        p.rows(),
        [Limits::at_least(4.0).unwrap(), Limits::fixed(5.0).unwrap()]
    );
    // The set without a name is the first one.
    assert_eq!(p.variables(), [Limits::NONNEGATIVE, Limits::FREE]);
    // Another end of line, and no blanks in the names: both formats, one meaning.
    let plain = file
        .replace("X 1", "X_1")
        .replace("1 X", "1_X")
        .replace('\n', "\r\n");
    assert_eq!(read(&plain).rows(), p.rows());
}

#[test]
fn ranges_go_to_the_right_side() {
    for (kind, rhs, range, lower, upper) in [
        ("L", 4.0, 3.0, 1.0, 4.0),
        ("L", 4.0, -3.0, 1.0, 4.0),
        ("G", 4.0, 3.0, 4.0, 7.0),
        ("G", 4.0, -3.0, 4.0, 7.0),
        ("E", 4.0, 3.0, 4.0, 7.0),
        ("E", 4.0, -3.0, 1.0, 4.0),
        ("E", 4.0, 0.0, 4.0, 4.0),
        ("L", 4.0, 1e30, f64::NEG_INFINITY, 4.0),
    ] {
        let p = read(&format!(
            "ROWS\n N C\n {kind} R\nCOLUMNS\n X R 1\nRHS\n RHS R {rhs}\nRANGES\n RNG R {range}\nENDATA\n"
        ));
        assert_eq!(
            p.rows(),
            [Limits::new(lower, upper).unwrap()],
            "{kind} {rhs} {range}"
        );
    }
}

#[test]
fn bounds_of_all_kinds() {
    const INF: f64 = f64::INFINITY;
    for (lines, lower, upper) in [
        ("", 0.0, INF),
        (" UP B X 4\n", 0.0, 4.0),
        (" UP X 4\n", 0.0, 4.0),
        (" up B X 0\n", 0.0, 0.0),
        (" LO B X -4\n", -4.0, INF),
        (" LO B X 1\n UP B X 2\n", 1.0, 2.0),
        (" FX B X 3\n", 3.0, 3.0),
        (" FR B X\n", -INF, INF),
        (" FR X\n", -INF, INF),
        (" FR B X 7\n", -INF, INF),
        (" MI B X\n", -INF, INF),
        (" MI X 0\n UP X 5\n", -INF, 5.0),
        (" PL B X\n", 0.0, INF),
        (" LO B X 2\n PL B X\n", 2.0, INF),
        // No lower limit was given, or one was.
        (" UP B X -1\n", -INF, -1.0),
        (" LO B X 0\n UP B X -1\n", 0.0, -1.0),
        (" UP B X -1\n LO B X -3\n", -3.0, -1.0),
        (" UP B X 1e30\n LO B X -1e20\n", -INF, INF),
        (" UP B X inf\n", 0.0, INF),
        // The second set does not count.
        (" UP B X 4\n LO B2 X 1\n UP B2 X 2\n", 0.0, 4.0),
    ] {
        let p = with(&format!("BOUNDS\n{lines}"));
        assert_eq!(
            (p.variables()[0].lower(), p.variables()[0].upper()),
            (lower, upper),
            "{lines}"
        );
        assert_eq!(p.variables()[1], Limits::NONNEGATIVE);
    }
}

#[test]
fn sections_in_their_variants() {
    assert_eq!(with("RHS\n R 5\n").rows()[0].upper(), 5.0);
    assert_eq!(with("RHS\n A R 5\n B R 6 C 1\n").constant(), 0.0);
    assert_eq!(with("RHS\n A R 1e25\n").rows(), [Limits::FREE]);
    for (text, sense) in [
        ("OBJSENSE MAX\n", Sense::Maximise),
        ("OBJSENSE\n    maximize\n", Sense::Maximise),
        ("OBJSENSE MINIMISE\n", Sense::Minimise),
        ("objsense\n MIN\n", Sense::Minimise),
    ] {
        let p = read(&format!("{text}ROWS\n N C\nCOLUMNS\n X C 1\nENDATA\n"));
        assert_eq!(p.sense(), sense, "{text}");
    }
    for head in ["OBJNAME\n    D\n", "OBJNAME D\n"] {
        let p = read(&format!(
            "{head}ROWS\n N C\n N D\nCOLUMNS\n X C 1 D 2\nENDATA"
        ));
        assert_eq!((p.objective_name(), p.costs()), ("D", &[2.0][..]));
    }
    // A variable whose only entry is zero is one all the same.
    let p = read("\n\n*\nROWS\n N C\n E R\nCOLUMNS\n X C 0\n\nENDATA\n");
    assert_eq!(
        (p.variables().len(), p.rows().len(), p.nonzeros()),
        (1, 1, 0)
    );
}

#[test]
fn numbers_are_read_and_written_to_the_last_bit() {
    let numbers = [0.1, 5e-324, f64::MAX, -1.0 / 3.0, 123456789012345678.0];
    for v in numbers {
        let p = read(&format!(
            "ROWS\n N C\n G R\nCOLUMNS\n X C {v:?} R {v:?}\nENDATA\n"
        ));
        let mut out = vec![];
        mps::write(&p, &mut out).unwrap();
        let again = mps::read(&out).unwrap();
        assert_eq!(again.costs()[0].to_bits(), v.to_bits());
        assert_eq!(again.row(0).next().unwrap().1.to_bits(), v.to_bits());
    }
}

#[test]
fn the_writer_refuses_what_the_format_cannot_hold() {
    let program = |name: &str, limits: Limits| {
        let mut p = LinearProgram::new(Sense::Minimise);
        let x = p.add_variable(name, 1.0, Limits::FREE).unwrap();
        p.add_row("R", limits, &[(x, 1.0)]).unwrap();
        mps::write(&p, &mut vec![]).map_err(|e| e.to_string())
    };
    assert_eq!(program("X", Limits::FREE), Ok(()));
    assert!(
        program("X 1", Limits::FREE)
            .unwrap_err()
            .contains("without blanks, found \"X 1\"")
    );
    assert!(program("", Limits::FREE).is_err());
    let crossed = Limits::new(2.0, 1.0).unwrap();
    assert!(
        program("X", crossed)
            .unwrap_err()
            .contains("from 2.0 to 1.0")
    );
    let mut p = LinearProgram::new(Sense::Minimise);
    p.add_variable("X", 1.0, Limits::FREE).unwrap();
    p.add_variable("X", 1.0, Limits::FREE).unwrap();
    assert!(
        mps::write(&p, &mut vec![])
            .unwrap_err()
            .to_string()
            .contains("\"X\" again")
    );
}

/// The file, line, column and a part of the reason.
#[rustfmt::skip]
const REFUSED: &[(&str, usize, usize, &str)] = &[
    ("", 1, 1, "expected ENDATA at the end of the file, found nothing"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\n\n", 4, 7, "ENDATA at the end"),
    (" X\n", 1, 2, "a section, in the first column, found `X`"),
    ("COLUMNS\n", 1, 1, "section ROWS before this one"),
    ("ROWS\n N C\nENDATA\n", 3, 1, "section COLUMNS before this one"),
    ("ROWS\n N C\nRHS\n", 3, 1, "section COLUMNS before this one"),
    ("ROWS\n N C\nROWS\n", 3, 1, "every section once, and this one was on line 1"),
    ("ROWS 2\n", 1, 6, "the end of the line after the name of a section, found `2`"),
    ("QUADOBJ\n", 1, 1, "the sections of a linear program, found `QUADOBJ`"),
    ("OBJSENSE\nROWS\n", 2, 1, "MAX or MIN in section OBJSENSE"),
    ("OBJSENSE\n LARGE\n", 2, 2, "MAX or MIN, found `LARGE`"),
    ("OBJNAME D\nROWS\n N C\nCOLUMNS\n", 4, 1, "an N row that OBJNAME names on line 1"),
    ("ROWS\n N C\nOBJNAME\n", 3, 1, "OBJNAME before ROWS of line 1"),
    ("ROWS\n Q C\n", 2, 2, "N, L, G or E, the type of a row, found `Q`"),
    ("ROWS\n N\n", 2, 3, "the name of a row, found nothing"),
    ("ROWS\n N  C\n L  C\n", 3, 5, "names of rows that differ, and this one was on line 2"),
    ("ROWS\n N C\nCOLUMNS\n X\n", 4, 3, "the name of a row, found nothing"),
    ("ROWS\n N C\nCOLUMNS\n X C\n", 4, 5, "a number, found nothing"),
    ("ROWS\n N C\nCOLUMNS\n X D 1\n", 4, 4, "the name of a row, found `D`"),
    ("ROWS\n N C\nCOLUMNS\n X C one\n", 4, 6, "a number, found `one`"),
    ("ROWS\n N C\nCOLUMNS\n X C nan\n", 4, 6, "a number, found `nan`"),
    ("ROWS\n N C\nCOLUMNS\n X C 1e999\n", 4, 6, "a finite number in double precision, found `1e999`"),
    ("ROWS\n N C\n L R\nCOLUMNS\n X C 1 R\n", 5, 9, "a number, found nothing"),
    ("ROWS\n N C\n L R\nCOLUMNS\n X C 1 R 2 R\n", 5, 12, "after two pairs of name and number, found `R`"),
    ("ROWS\n N C\n L R\nCOLUMNS\n X C 1 R 2\n X C 3\n", 6, 4, "one entry of this variable, and there was one on line 5"),
    ("ROWS\n N C\n L R\nCOLUMNS\n X R 1 R 2\n", 5, 8, "one entry of this variable"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\n Y C 1\n X C 2\n", 6, 2, "the lines of a variable together, and this one's began on line 4"),
    ("ROWS\n N C\nCOLUMNS\n M 'MARKER' 'INTORG'\n", 4, 4, "integer programs are not supported"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nRHS\n S C 1\n S C 2\n", 7, 4, "one right-hand side, and there was one on line 6"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nRHS\n S D 1\n", 6, 4, "the name of a row, found `D`"),
    ("ROWS\n N C\n E R\nCOLUMNS\n X C 1\nRHS\n S R 1e30\nENDATA\n", 7, 6, "expected a number below 1e20"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nRANGES\n S D 1\n", 6, 4, "the name of a row, found `D`"),
    ("ROWS\n N C\n L R\nCOLUMNS\n X C 1\nRANGES\n S R 1\n S R 1\n", 8, 4, "one range"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nBOUNDS\n UP B X\n", 6, 5, "the name of a variable, found `B`"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nBOUNDS\n UP B Y 1\n", 6, 7, "the name of a variable, found `Y`"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nBOUNDS\n XX B X 1\n", 6, 2, "the type of a bound, found `XX`"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nBOUNDS\n BV B X\n", 6, 2, "integer and semicontinuous variables are not supported"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nBOUNDS\n SC B X 4\n", 6, 2, "not supported"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nBOUNDS\n UP B X 4\n FX B X 4\n", 7, 7, "one limit on this side, and there was one on line 6"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nBOUNDS\n LO B X 1e20\n", 6, 9, "expected a number below 1e20"),
    ("ROWS\n N C\nCOLUMNS\n X C 1\nBOUNDS\n UP B X 1 2\n", 6, 11, "the end of the line after a bound, found `2`"),
    // Fixed format: names with blanks, then something off its columns.
    ("ROWS\n N  C 1\n L  R 1\nCOLUMNS\n    X 1       C 1                1.  R 1               2.\n", 5, 38, "columns 37 to 39 to be blank in fixed format"),
    ("ROWS\n N  C 1\nCOLUMNS\n    X 1\tC 1\t1.\n", 4, 13, "to be blank"),
];

#[test]
fn bad_files_are_refused_with_the_place() {
    for &(file, line, column, reason) in REFUSED {
        let error = mps::read(file.as_bytes()).expect_err(file);
        assert_eq!(
            (error.line, error.column),
            (line, column),
            "{error} in\n{file}"
        );
        assert!(
            error.reason.contains(reason),
            "{error} instead of {reason} in\n{file}"
        );
    }
    let latin = mps::read(b"ROWS\n N C\xe9\n").unwrap_err();
    assert_eq!((latin.line, latin.column), (2, 4));
    assert!(latin.reason.contains("UTF-8"), "{latin}");
}
