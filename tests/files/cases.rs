//! Small files that were once read wrongly, and tricky ones that must stay right: `tests/data/cases`.

use dyncvx::io::{mps, sdpa};
use dyncvx::ipm::{Settings, Status};
use dyncvx::problem::LinearProgram;
use dyncvx::solver::LinearSolver;

fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The program, the notices as text, and the optimum.
fn solved(file: &[u8]) -> (LinearProgram, Vec<String>, f64) {
    let noted = mps::read_with_notices(file).unwrap_or_else(|e| panic!("{e}"));
    let notices = noted.notices.iter().map(ToString::to_string).collect();
    let mut solver = LinearSolver::new(noted.content.clone(), Settings::default()).unwrap();
    let found = solver
        .solve(&mut |_| std::ops::ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(found.status, Status::Solved);
    (noted.content, notices, found.primal_objective)
}

/// The cases of MPS with the objective that is expected, and the number of notices.
const LINEAR: [(&str, f64, usize); 8] = [
    ("mps_bom.mps", -5.0, 0),
    ("mps_maximum.mps", 5.0, 0),
    ("mps_range_on_objective.mps", -5.0, 1),
    ("mps_two_bound_sets.mps", -100.0, 1),
    ("p_mps_keywords.mps", 4.0, 0),
    ("p_mps_unnamed_sets.mps", 2.5, 0),
    ("p_mps_short_names.mps", 2410.0, 0),
    ("p_mps_rhs_objective.mps", -5.0, 0),
];

#[test]
fn every_case_has_its_objective_and_its_notices() {
    for (name, expected, notices) in LINEAR {
        let (_, said, found) = solved(&bytes(name));
        let error = (found - expected).abs() / (1.0 + expected.abs());
        assert!(error < 1e-7, "{name}: {found} instead of {expected}");
        assert_eq!(said.len(), notices, "{name}: {said:?}");
    }
}

#[test]
fn a_notice_names_the_set_that_is_left_out() {
    let (_, said, _) = solved(&bytes("mps_two_bound_sets.mps"));
    let expected =
        "line 12: set `BND` of BOUNDS is left out with its 1 entry: the first set counts, `BOUND`";
    assert_eq!(said, [expected]);
    let (_, said, _) = solved(&bytes("mps_range_on_objective.mps"));
    let expected = "line 10: the range of row `C` has no effect: the row is of type N";
    assert_eq!(said, [expected]);
}

/// The same program after sections were changed.
fn plain(before_rows: &str, objective: &str, after: &str) -> Vec<u8> {
    let entry = if objective.is_empty() { "" } else { " C 1" };
    let text = format!(
        "NAME M\n{before_rows}ROWS\n{objective} L R\nCOLUMNS\n x R 1{entry}\nRHS\n RHS R 5\n{after}ENDATA\n"
    );
    text.into_bytes()
}

#[test]
fn the_sense_is_read_in_every_spelling_and_place() {
    let words = ["MAX", "MAXIMUM", "MAXIMISE", "MAXIMIZE", "maximum", "Max"];
    let words = words.iter().flat_map(|max| {
        let min = max.replace("MAX", "MIN").replace("max", "min");
        let min = min.replace("Max", "Min");
        [(max.to_string(), 5.0), (min, 0.0)]
    });
    for (word, expected) in words {
        for place in [" ", "\n", "\n    ", "\r\n\t"] {
            for header in ["OBJSENSE", "objsense"] {
                let file = plain(&format!("{header}{place}{word}\n"), " N C\n", "");
                let (_, said, found) = solved(&file);
                assert!((found - expected).abs() < 1e-6, "{word:?} after {place:?}");
                assert_eq!(said.len(), 0);
            }
        }
    }
    for word in ["MAXI", "MAXIMAL", "0"] {
        let file = plain(&format!("OBJSENSE\n {word}\n"), " N C\n", "");
        let error = mps::read(&file).unwrap_err();
        assert!(error.reason.contains("expected MAX or MIN"), "{error}");
    }
}

#[test]
fn without_an_objective_any_feasible_point_will_do() {
    let (program, said, found) = solved(&plain("", "", ""));
    assert_eq!((program.costs(), found), (&[0.0][..], 0.0));
    assert_eq!(
        said,
        ["line 4: no row of type N before this line: the objective is zero"]
    );
    // A row that OBJNAME names must be there.
    let error = mps::read(&plain("OBJNAME\n C\n", "", "")).unwrap_err();
    assert!(error.reason.contains("that OBJNAME names"), "{error}");
}

#[test]
fn further_sets_and_rows_are_told_with_the_number_of_entries() {
    let after = " SECOND R 7\n SECOND C 1 R 3\nRANGES\n A R 1\n B R 2\nBOUNDS\n UP X x 4\n LO Y x 9\n FR Z x\n MI Y x\n";
    let file = plain("OBJSENSE MAX\n", " N C\n N D\n N E\n", after);
    let (_, said, found) = solved(&file);
    assert!((found - 4.0).abs() < 1e-6);
    let expected = [
        "line 5: 2 rows of type N are left out, `D` the first: they are not the objective",
        "line 12: set `SECOND` of RHS is left out with its 3 entries: the first set counts, `RHS`",
        "line 16: set `B` of RANGES is left out with its 1 entry: the first set counts, `A`",
        "line 19: set `Y` of BOUNDS is left out with its 2 entries: the first set counts, `X`",
        "line 20: set `Z` of BOUNDS is left out with its 1 entry: the first set counts, `X`",
    ];
    let lines: Vec<usize> = said.iter().map(|s| line_of(s)).collect();
    assert!(lines.is_sorted(), "{said:?}");
    let text = |s: &str| s.split_once(": ").unwrap().1.to_string();
    let (said, expected): (Vec<_>, Vec<_>) = (
        said.iter().map(|s| text(s)).collect(),
        expected.iter().map(|s| text(s)).collect(),
    );
    assert_eq!(said, expected);
}

fn line_of(notice: &str) -> usize {
    let number = notice.strip_prefix("line ").unwrap();
    number.split(':').next().unwrap().parse().unwrap()
}

#[test]
fn a_negative_upper_limit_without_a_lower_one_is_told() {
    let file = plain("OBJSENSE\n MAX\n", " N C\n", "BOUNDS\n UP B x -2\n");
    let (_, said, found) = solved(&file);
    assert!((found + 2.0).abs() < 1e-6);
    assert!(
        said.len() == 1 && said[0].contains("no lower limit was given"),
        "{said:?}"
    );
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    for name in ["blending.mps", "published/afiro.mps"] {
        let plain = bytes(&format!("../{name}"));
        let marked = [b"\xef\xbb\xbf", plain.as_slice()].concat();
        assert_eq!(mps::read(&marked).unwrap(), mps::read(&plain).unwrap());
    }
    let plain: &[u8] = b"\"a comment\n1\n1\n2\n1.0\n1 1 1 1 1.0\n1 1 2 2 1.0\n0 1 1 2 1.0\n";
    for plain in [plain, &plain[11..]] {
        let marked = [b"\xef\xbb\xbf", plain].concat();
        assert_eq!(sdpa::read(&marked).unwrap(), sdpa::read(plain).unwrap());
    }
    for mark in [b"\xff\xfe", b"\xfe\xff"] {
        let utf16 = [mark, b"N\0A\0M\0E\0".as_slice()].concat();
        for error in [
            mps::read(&utf16).unwrap_err(),
            sdpa::read(&utf16).unwrap_err(),
        ] {
            assert!(error.reason.contains("UTF-16"), "{error}");
        }
    }
}

#[test]
fn sections_behind_a_star_are_refused_and_comments_are_not() {
    let error = sdpa::read(&bytes("sdpa_integer.dat-s")).unwrap_err();
    assert_eq!((error.line, error.column), (9, 1));
    assert!(error.reason.contains("the section `*INTEGER`"), "{error}");

    let body = "1\n1\n2\n1.0\n1 1 1 1 1.0\n1 1 2 2 1.0\n0 1 1 2 1.0\n";
    for section in [
        "*INTEGER\n*1\n",
        "*integer\r\n*1\r\n",
        " * INTEGER\n* 1\n",
        "*INTEGER variables\n*1\n",
        "*INTEGER: 1\n",
        "*RANK1\n*1\n",
        "*BINARY\n*1\n",
    ] {
        for file in [format!("{body}{section}"), format!("{section}{body}")] {
            let error = sdpa::read(file.as_bytes()).unwrap_err();
            assert!(error.reason.contains("found the section"), "{error}");
        }
    }
    // The end of the file may end the title.
    assert!(sdpa::read(format!("{body}*INTEGER").as_bytes()).is_err());
    for comment in [
        "*integer programs are elsewhere\n",
        "*INTEGERS\n",
        "* rank of the answer: 1\n",
        "\"INTEGER\n",
        "*\n*1\n",
    ] {
        for file in [format!("{body}{comment}"), format!("{comment}{body}")] {
            assert!(sdpa::read(file.as_bytes()).is_ok(), "{file}");
        }
    }
}

#[test]
fn both_triangles_are_told() {
    let file = b"1\n1\n2\n1.0\n1 1 1 1 1.0\n1 1 2 1 1.0\n1 1 1 2 1.0\n1 1 2 2 1.0\n";
    let noted = sdpa::read_with_notices(file).unwrap();
    let said: Vec<String> = noted.notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["line 7: both triangles are given, 1 entries twice: each counts once"]
    );
    assert_eq!(noted.content.matrices().nonzeros(), 3);
}

/// Fifteen bytes may state a block of any size. Reading takes no memory for it, and solving refuses it where it does not fit.
#[test]
fn a_huge_block_ends_in_a_typed_error() {
    for size in ["-1000000000", "-4294967295", "4294967295", "200000"] {
        let file = format!("1\n1\n{size}\n0\n1 1 1 1 1\n");
        let Ok(program) = sdpa::read(file.as_bytes()) else {
            continue;
        };
        // A machine with hundreds of gigabytes may begin.
        let solver = dyncvx::Solver::new(program.conic().clone(), Settings::default());
        let refused = matches!(solver, Err(dyncvx::Error::TooLarge { .. }));
        assert!(refused || solver.is_ok(), "{size}");
    }
}
