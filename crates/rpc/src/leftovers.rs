//! What a local object store leaves of files whose writer died.

use std::{
    fs::{self, Metadata},
    io,
    path::Path,
};

/// Takes away the parts of files that were never finished, in `folder` and below, those that `wanted` chooses by their file's name and
/// what the system says of them. Returns how many there were; a folder that is not there has none. Readers of the store never see them.
///
/// # Errors
/// Those of the file system.
pub fn sweep(folder: &Path, wanted: &impl Fn(&str, &Metadata) -> io::Result<bool>) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut swept = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            swept += sweep(&entry.path(), wanted)?;
        } else if is_unfinished(&name) && wanted(&name, &entry.metadata()?)? {
            fs::remove_file(entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// The store writes under the final name, `#` and a number.
fn is_unfinished(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}
