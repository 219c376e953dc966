//! What to do about a file that cannot be used: the advice fits the operating system's answer.

use std::io::{self, ErrorKind};

/// About a file that cannot be read; `option` names the argument that chose it. A sentence.
pub(crate) fn for_reading(error: &io::Error, option: &str) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("Name the right file with {option}"),
        ErrorKind::PermissionDenied => {
            format!("Let this user read it, or name another with {option}")
        }
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => format!("Name a file with {option}"),
        ErrorKind::InvalidData => format!("It is not UTF-8 text: name the right file with {option}"),
        _ => format!("See to the disk or share it lies on, or name another with {option}"),
    }
}

/// About a file that cannot be written. The beginning of a sentence.
pub(crate) fn for_writing(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "Make the folder it is to lie in",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "Let this user write there",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "Make room for it",
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => "Move away what stands in its place",
        _ => "See to the disk or share it lies on",
    }
}

/// The error, with the file it is about.
pub(crate) fn about(path: &std::path::Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
