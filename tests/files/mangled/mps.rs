use super::Format;
use dyncvx::io::{ParseError, mps};
use dyncvx::problem::LinearProgram;

#[derive(Debug, Clone)]
struct Mps;

impl Format for Mps {
    const FILES: &[&[u8]] = &[
        b"NAME EXAMPLE\nOBJSENSE\n MAX\nROWS\n N COST\n L R1\n G R2\n E R3\n N OTHER\nCOLUMNS\n X COST 1 R1 2\n X R3 -1\n Y R1 1.5 R2 3\n Z COST -2 R3 4\n Z OTHER 1\nRHS\n RHS R1 10 R2 -3\n RHS COST 7\nRANGES\n RNG R1 2.5 R3 -4\nBOUNDS\n UP BND X 4\n LO BND Y -2\n FR BND Z\n UP OTHER X 5\nENDATA\n",
        b"* fixed\nNAME          FIXED\nROWS\n N  COST A\n G  R 1\n E  R 2\nCOLUMNS\n    X 1       COST A              1.   R 1                 2.\n    X 1       R 2                 3.   $ a comment\n    1 X       R 1             -1.5E0\nRHS\n              R 1                 4.   R 2                 5.\nBOUNDS\n MI BND       1 X\n UP BND       X 1                 6.\nENDATA\n",
        b"ROWS\r\n N C\r\n L R\r\nCOLUMNS\r\n A C 1\r\n A R 1\r\n B R 1\r\nBOUNDS\r\n MI A\r\n UP A -1\r\n FX B 3\r\nENDATA",
    ];
    const BYTES: &[u8] = b"\n 1-.eD$*XR9\0\xff";
    type Program = LinearProgram;

    fn read(bytes: &[u8]) -> Result<LinearProgram, ParseError> {
        mps::read(bytes)
    }

    fn write(program: &LinearProgram) -> Option<Vec<u8>> {
        let mut file = Vec::new();
        match mps::write(program, &mut file) {
            Ok(()) => Some(file),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
                None
            }
        }
    }
}

super::laws!(Mps);
