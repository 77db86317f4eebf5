//! Loading a library, and what all calls into it share.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::{Path, PathBuf},
};

use libloading::Library;

use crate::{NativeError, Search, search::Wanted};

/// What a library calls one of its objects.
pub(crate) type Raw = *mut c_void;

/// Everything a library is known by.
pub(crate) struct Known {
    pub(crate) title: &'static str,
    pub(crate) package: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) wanted: Wanted,
}

/// Declares the functions of a library, all of which return 0 when they did what was asked.
macro_rules! functions {
    ($(#[$doc:meta])* $visible:vis struct $name:ident { $($field:ident = $symbol:ident($($argument:ty),*);)* }) => {
        $(#[$doc])*
        $visible struct $name {
            $($field: unsafe extern "C" fn($($argument),*) -> std::ffi::c_int,)*
            last_error: unsafe extern "C" fn() -> *const std::ffi::c_char,
            /// Keeps the functions where they are.
            _library: libloading::Library,
        }

        impl $name {
            /// Finds every function in `library`; `last_error` is the one that tells what went wrong.
            fn bind(library: libloading::Library, last_error: &str) -> Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the type is that of the function in the library's own header, and the library lives as
                    // long as the function.
                    $($field: *unsafe { library.get(concat!(stringify!($symbol), "\0").as_bytes()) }?,)*
                    // SAFETY: as above.
                    last_error: *unsafe { library.get(last_error.as_bytes()) }?,
                    _library: library,
                })
            }
        }
    };
}
pub(crate) use functions;

/// Loads the first file that is there.
pub(crate) fn load(search: &Search, named: Option<&PathBuf>, known: &Known) -> Result<(Library, PathBuf), NativeError> {
    for path in search.candidates(named, &known.wanted) {
        // SAFETY: loading runs the initialisers of a file that the operator named or installed as this library, which
        // are trusted like the program itself.
        match unsafe { Library::new(&path) } {
            Ok(library) => return Ok((library, path)),
            // The system's loader may know none.
            Err(_) if named.is_none() && path.components().count() == 1 => {}
            Err(error) => return Err(NativeError::Load { problem: error.to_string(), path }),
        }
    }
    Err(NativeError::Absent { library: known.title, package: known.package, variable: known.variable })
}

/// The library at `path` lacks a function.
pub(crate) fn old(path: &Path, known: &Known, problem: &impl ToString) -> NativeError {
    NativeError::Old { path: path.to_owned(), problem: problem.to_string(), package: known.package }
}

/// Turns the code that `function` returned into a result.
pub(crate) fn check(
    code: c_int,
    function: &'static str,
    last_error: unsafe extern "C" fn() -> *const c_char,
) -> Result<(), NativeError> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: takes nothing and gives a text of this thread.
    let text = unsafe { last_error() };
    let problem = if text.is_null() {
        "no reason was given".to_owned()
    } else {
        // SAFETY: a text that ends in 0 and stays until the next call of this thread, which comes after this copy.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().lines().next().unwrap_or_default().to_owned()
    };
    Err(NativeError::Refused { function, problem })
}

/// A text for the library; one with a 0 inside ends there.
pub(crate) fn text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

/// An object of the library, given back when it is dropped.
pub(crate) struct Handle {
    raw: Raw,
    free: unsafe extern "C" fn(Raw) -> c_int,
}

impl Handle {
    /// Takes over `raw`, which `free` gives back.
    pub(crate) fn new(raw: Raw, free: unsafe extern "C" fn(Raw) -> c_int) -> Self {
        Self { raw, free }
    }

    pub(crate) fn raw(&self) -> Raw {
        self.raw
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the object came from the library that `free` belongs to, and nobody else gives it back.
        unsafe { (self.free)(self.raw) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = Known {
        title: "Nothing",
        package: "nothing",
        variable: "LINEAL_NOTHING",
        wanted: Wanted { folder: "nothing/lib", stem: "lineal_nothing" },
    };

    #[test]
    fn what_is_nowhere_is_told_with_what_to_install() {
        let error = load(&Search::default(), None, &KNOWN).unwrap_err();
        assert!(matches!(error, NativeError::Absent { library: "Nothing", .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("`pip install nothing`") && text.contains("LINEAL_NOTHING"), "{text}");
    }

    #[test]
    fn a_named_file_is_the_only_one_that_is_tried() {
        let named = PathBuf::from("/nowhere/lib.so");
        let error = load(&Search::default(), Some(&named), &KNOWN).unwrap_err();
        assert!(matches!(&error, NativeError::Load { path, .. } if *path == named), "{error}");
    }

    #[test]
    fn a_text_ends_where_a_zero_is() {
        assert_eq!(text("a=1\0b"), *c"a=1");
    }
}
