//! What the SDPA reader refuses, and where.

use dyncvx::io::sdpa;

/// The file, line, column and a part of the reason.
#[rustfmt::skip]
const REFUSED: &[(&[u8], usize, usize, &str)] = &[
    // Empty and truncated.
    (b"", 1, 1, "the number of matrices, from 1 to 4294967295, found the end of the file"),
    (b"\n \n", 1, 1, "found the end of the file"),
    (b"\"only a comment\n", 1, 16, "number of matrices"),
    (b"2\n", 1, 2, "the number of blocks, from 1 to 4294967295, found the end of the file"),
    (b"2 = mDIM\r\n", 1, 9, "the number of blocks"),
    (b"2\n2\n2", 3, 2, "the size of block 2 of 2, from -4294967295 to 4294967295, found the end"),
    (b"2\n2\n2 3", 3, 4, "expected cost 1 of 2, found the end of the file"),
    (b"3\n1\n2\n1.0,\n 2.0 \n\n", 5, 5, "expected cost 3 of 3, found the end of the file"),
    (b"1\n1\n2\n1\n1", 5, 2, "a block number from 1 to 1, found the end of the file"),
    (b"1\n1\n2\n1\n1 1\n", 5, 4, "a row number from 1 to 2, found the end of the line"),
    (b"1\n1\n2\n1\n1 1 2 \r\n", 5, 6, "a column number from 1 to 2, found the end of the line"),
    (b"1\n1\n2\n1\n1 1 2 2\n1 1 1 1 1\n", 5, 8, "the value of the entry, found the end of the line"),
    (b"1\n1\n2\n1\n1 1 2 2\"\n", 5, 8, "the value of the entry, found `\"`"),
    // Letters for numbers, fractions for integers.
    (b"x\n", 1, 1, "found `x`"),
    (b"= 2\n", 1, 1, "found `=`"),
    (b"1.0\n", 1, 1, "the number of matrices, from 1 to 4294967295, found `1.0`"),
    (b"1x\n", 1, 1, "found `1x`"),
    (b"-\n", 1, 1, "found `-`"),
    (b"1\ntwo\n", 2, 1, "found `two`"),
    (b"1\n1\n (n)\n", 3, 3, "found `n`"),
    (b"1\n1\n2.0\n", 3, 1, "found `2.0`"),
    (b"2\n1\n2\n1 ?\n", 4, 3, "expected cost 2 of 2, found `?`"),
    (b"2\n1\n2\n1 * 2\n", 4, 3, "expected cost 2 of 2, found `*`"),
    (b"2\n1\n2\n1 1..5\n", 4, 3, "expected cost 2 of 2, found `1..5`"),
    (b"2\n1\n2\n1 1e\n", 4, 3, "found `1e`"),
    (b"2\n1\n2\n1 1d5e5\n", 4, 3, "found `1d5e5`"),
    (b"2\n1\n2\n1 0x10\n", 4, 3, "found `0x10`"),
    (b"2\n1\n2\n1 \xff1\n", 4, 3, "found `\\xff1`"),
    (b"2\n1\n2\n1 1\xc3\xa4\n", 4, 3, "found `1\\xc3\\xa4`"),
    (b"2\n1\n2\n1 \x002\n", 4, 3, "found `\\x002`"),
    (b"1\n1\n2\n1\na 1 1 1 1\n", 5, 1, "a matrix number from 0 to 1, found `a`"),
    (b"1\n1\n2\n1\n1 b 1 1 1\n", 5, 3, "a block number from 1 to 1, found `b`"),
    (b"1\n1\n2\n1\n1 1 c 1 1\n", 5, 5, "a row number from 1 to 2, found `c`"),
    (b"1\n1\n2\n1\n1 1 1 d 1\n", 5, 7, "a column number from 1 to 2, found `d`"),
    (b"1\n1\n2\n1\n1 1 1 1 e\n", 5, 9, "the value of the entry, found `e`"),
    (b"1\n1\n2\n1\n1 1 1 1 zbcdefghijklmnopqrstuvwxyzabcdefghijklm\n", 5, 9, "`zbcdefghijklmnopqrstuvwxyzabcdef…`"),
    // One number too many.
    (b"1 2\n1\n2\n1\n", 1, 3, "the end of the line after the number of matrices, found `2`"),
    (b"1\n1 -3\n2\n1\n", 2, 3, "the end of the line after the number of blocks, found `-3`"),
    (b"1\n1\n2, 3\n1\n", 3, 4, "the end of the line after the sizes of 1 blocks, found `3`"),
    (b"1\n1\n2\n1 .5\n", 4, 3, "the end of the line after 1 costs, found `.5`"),
    (b"1\n1\n2\n1\n1 1 1 1 1 2\n", 5, 11, "after the five numbers of an entry, found `2`"),
    // Out of range.
    (b"0\n1\n2\n\n", 1, 1, "found `0`"),
    (b"-1\n1\n2\n1\n", 1, 1, "found `-1`"),
    (b"1\n0\n2\n1\n", 2, 1, "found `0`"),
    (b"1\n2\n2 0\n1\n", 3, 3, "the size of block 2 of 2, not zero, found `0`"),
    (b"1\n1\n2\n1\n2 1 1 1 1\n", 5, 1, "a matrix number from 0 to 1, found `2`"),
    (b"1\n1\n2\n1\n-1 1 1 1 1\n", 5, 1, "found `-1`"),
    (b"1\n1\n2\n1\n1 0 1 1 1\n", 5, 3, "a block number from 1 to 1, found `0`"),
    (b"1\n1\n2\n1\n1 2 1 1 1\n", 5, 3, "a block number from 1 to 1, found `2`"),
    (b"1\n1\n2\n1\n1 1 0 1 1\n", 5, 5, "a row number from 1 to 2, found `0`"),
    (b"1\n1\n2\n1\n1 1 3 1 1\n", 5, 5, "a row number from 1 to 2, found `3`"),
    (b"1\n1\n2\n1\n1 1 1 0 1\n", 5, 7, "a column number from 1 to 2, found `0`"),
    (b"1\n1\n2\n1\n1 1 1 3 1\n", 5, 7, "a column number from 1 to 2, found `3`"),
    (b"1\n1\n-2\n1\n1 1 3 3 1\n", 5, 5, "a row number from 1 to 2, found `3`"),
    (b"1\n1\n2\n1\n1 1 1 99999999999999999999999999 1\n", 5, 7, "a column number from 1 to 2"),
    // 2⁶⁴ + 1.
    (b"1\n1\n2\n1\n1 1 1 18446744073709551617 1\n", 5, 7, "a column number from 1 to 2"),
    (b"1\n2\n2 -3\n1\n1 2 1 3 1\n", 5, 7, "column 1, because block 2 is diagonal and this is row 1, found `3`"),
    // Not finite.
    (b"1\n1\n2\nnan\n", 4, 1, "cost 1 of 1, a finite number in double precision, found `nan`"),
    (b"1\n1\n2\n-Inf\n", 4, 1, "found `-Inf`"),
    (b"1\n1\n2\n1\n1 1 1 1 NaN\n", 5, 9, "a finite number in double precision, found `NaN`"),
    (b"1\n1\n2\n1\n1 1 1 1 infinity\n", 5, 9, "found `infinity`"),
    (b"1\n1\n2\n1\n1 1 1 1 1e999\n", 5, 9, "found `1e999`"),
    (b"1\n1\n2\n1\n1 1 1 1 -1D999\n", 5, 9, "found `-1D999`"),
    // Given twice.
    (b"1\n1\n2\n1\n1 1 1 2 1\n1 1 2 2 1\n 1 1 1 2 1\n", 7, 2, "found (1, 2) in block 1 of matrix 1 again, after line 5"),
    (b"1\n1\n2\n1\n0 1 1 1 1\n1 1 1 2 1\n0 1 1 1 2\n", 7, 1, "found (1, 1) in block 1 of matrix 0 again, after line 5"),
    (b"1\n1\n2\n1\n0 1 1 1 0\n0 1 1 1 0\n", 6, 1, "found (1, 1) in block 1 of matrix 0 again, after line 5"),
    (b"1\n2\n2 -2\n1\n1 2 2 2 1\n1 2 2 2 1\n", 6, 1, "found (2, 2) in block 2 of matrix 1 again"),
    (b"1\n1\n2\n1\n1 1 2 1 1\n1 1 2 1 1\n", 6, 1, "found (2, 1) in block 1 of matrix 1 again, after line 5"),
    (b"1\n1\n2\n1\n1 1 1 2 1\n1 1 2 1 1\n1 1 1 2 1\n", 7, 1, "found (1, 2) in block 1 of matrix 1 again, after line 5"),
    (b"1\n1\n2\n1\n1 1 2 1 1\n0 1 1 1 1\n0 1 1 1 1\n", 7, 1, "found (1, 1) in block 1 of matrix 0 again, after line 6"),
    (b"1\n1\n2\n1\n1 1 1 2 1\n1 1 1 1 7\n1 1 2 1 1.5\n", 7, 1, "a symmetric matrix, found 1.5 at (2, 1) and, on line 5, 1.0 at (1, 2)"),
    // Absurd sizes.
    (b"1000000000000000000\n1\n2\n1\n", 1, 1, "from 1 to 4294967295, found `1000000000000000000`"),
    (b"1000000000\n1\n2\n1\n", 4, 2, "expected cost 2 of 1000000000, found the end of the file"),
    (b"1\n4000000000\n2\n", 3, 2, "the size of block 2 of 4000000000,"),
    (b"1\n1\n1000000000000\n1\n", 3, 1, "found `1000000000000`"),
    (b"1\n1\n-1000000000000\n1\n", 3, 1, "found `-1000000000000`"),
    (b"1\n2\n3 4000000000\n1\n", 3, 3, "one vector of the ambient space: would need"),
];

#[test]
fn every_error_names_its_place_and_its_reason() {
    for &(file, line, column, reason) in REFUSED {
        let text = file.escape_ascii();
        let Err(error) = sdpa::read(file) else {
            panic!("read without complaint: {text}")
        };
        assert_eq!(
            (error.line, error.column),
            (line, column),
            "{text}: {error}"
        );
        assert!(error.reason.contains(reason), "{text}: {error}");
        let shown = format!("line {line}, column {column}: {}", error.reason);
        assert_eq!(error.to_string(), shown);
    }
}
