//! Where the libraries may be.

use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Where the libraries may be. A file that is named is the only one that is tried; otherwise the packages of each Python
/// are, then the system's loader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// The file of LightGBM.
    pub lightgbm: Option<PathBuf>,
    /// The file of XGBoost.
    pub xgboost: Option<PathBuf>,
    /// The file of ONNX Runtime.
    pub onnxruntime: Option<PathBuf>,
    /// Folders of Pythons, each with `bin/python3`; the most wanted first.
    pub pythons: Vec<PathBuf>,
}

/// What is looked for.
pub(crate) struct Wanted {
    /// The folder among a Python's packages.
    pub(crate) folder: &'static str,
    /// The file without the system's prefix and suffix; there, a version may follow.
    pub(crate) stem: &'static str,
}

impl Search {
    /// By the variables of an environment: `LINEAL_LIGHTGBM`, `LINEAL_XGBOOST` and `LINEAL_ONNXRUNTIME` name files; the
    /// Pythons are those of `VIRTUAL_ENV` and `PATH`.
    pub fn in_environment(read: impl Fn(&str) -> Option<OsString>) -> Self {
        let file = |name| read(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = read("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).filter(|folder| folder.join("python3").exists());
        let pythons = on_path.filter_map(|folder| folder.parent().map(Path::to_owned));
        Self {
            lightgbm: file("LINEAL_LIGHTGBM"),
            xgboost: file("LINEAL_XGBOOST"),
            onnxruntime: file("LINEAL_ONNXRUNTIME"),
            pythons: file("VIRTUAL_ENV").into_iter().chain(pythons).collect(),
        }
    }

    /// The files to try, in their order; a bare name is for the system's loader.
    pub(crate) fn candidates(&self, named: Option<&PathBuf>, wanted: &Wanted) -> Vec<PathBuf> {
        if let Some(named) = named {
            return vec![named.clone()];
        }
        let file = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", wanted.stem);
        let folders = self.pythons.iter().flat_map(|python| packages(python));
        let files = folders.filter_map(|folder| versioned(&folder.join(wanted.folder), wanted.stem));
        files.chain([PathBuf::from(&file)]).collect()
    }
}

/// The file in `folder` that is called `stem`, with or without a version in its name; the last one by name of several.
fn versioned(folder: &Path, stem: &str) -> Option<PathBuf> {
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let rest = name.strip_prefix(DLL_PREFIX).and_then(|name| name.strip_prefix(stem));
        rest.is_some_and(|rest| rest.starts_with('.') && format!("{rest}.").contains(&format!("{DLL_SUFFIX}.")))
    };
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(is_wanted).max()
}

/// The folders of a Python's packages, of the newest version first.
fn packages(python: &Path) -> Vec<PathBuf> {
    let versions = |part: &str| std::fs::read_dir(python.join(part)).into_iter().flatten().flatten();
    let mut folders: Vec<_> = ["lib", "local/lib"]
        .into_iter()
        .flat_map(versions)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("python3"))
        .flat_map(|entry| ["site-packages", "dist-packages"].map(|name| entry.path().join(name)))
        .filter(|folder| folder.is_dir())
        .collect();
    folders.sort();
    folders.reverse();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted { folder: "tool/lib", stem: "tool" };

    #[test]
    fn a_named_file_comes_before_a_python_and_that_before_the_system() {
        let folder = std::env::temp_dir().join(format!("lineal-native-{}", std::process::id()));
        let packages = folder.join("lib/python3.11/site-packages/tool/lib");
        std::fs::create_dir_all(&packages).unwrap();
        let file = packages.join(format!("{DLL_PREFIX}tool{DLL_SUFFIX}.1.31.1"));
        std::fs::write(&file, "").unwrap();
        for other in ["tool_shared.so", "tool.py"] {
            std::fs::write(packages.join(format!("{DLL_PREFIX}{other}")), "").unwrap();
        }
        let environment = |name: &str| (name == "VIRTUAL_ENV").then(|| folder.clone().into_os_string());
        let search = Search::in_environment(environment);
        let system = PathBuf::from(format!("{DLL_PREFIX}tool{DLL_SUFFIX}"));
        assert_eq!(search.candidates(None, &WANTED), [file, system.clone()]);
        let named = PathBuf::from("/opt/tool.so");
        assert_eq!(search.candidates(Some(&named), &WANTED), [named]);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(search.candidates(None, &WANTED), [system]);
    }

    #[test]
    fn the_environment_names_files_and_an_empty_name_is_none() {
        let environment = |name: &str| match name {
            "LINEAL_LIGHTGBM" => Some(OsString::from("/opt/lib_lightgbm.so")),
            "LINEAL_XGBOOST" => Some(OsString::new()),
            _ => None,
        };
        let search = Search::in_environment(environment);
        assert_eq!(search.lightgbm, Some(PathBuf::from("/opt/lib_lightgbm.so")));
        assert_eq!((search.xgboost, search.pythons), (None, vec![]));
    }
}
