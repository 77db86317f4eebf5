//! XGBoost.

use std::{
    ffi::{CStr, c_char, c_int},
    path::{Path, PathBuf},
    ptr,
};

use crate::{
    Fit, Fitted, Follow, NativeError, Rows, Search,
    fit::{Booster, Part},
    library::{Handle, Known, Raw, check, functions, load, old, text},
    search::Wanted,
};

/// What the data sets are called in a report.
const NAMES: [&CStr; 2] = [c"training", c"validation"];
/// The first version whose files and functions are as expected here.
const LEAST: (c_int, c_int) = (2, 0);

const KNOWN: Known = Known {
    title: "XGBoost",
    package: "xgboost-cpu",
    variable: "LINEAL_XGBOOST",
    wanted: Wanted { folder: "xgboost/lib", stem: "xgboost" },
};

functions! {
    /// The functions that are used.
    struct Functions {
        matrix = XGDMatrixCreateFromMat(*const f32, u64, u64, f32, *mut Raw);
        set_info = XGDMatrixSetFloatInfo(Raw, *const c_char, *const f32, u64);
        free_matrix = XGDMatrixFree(Raw);
        booster = XGBoosterCreate(*const Raw, u64, *mut Raw);
        set_parameter = XGBoosterSetParam(Raw, *const c_char, *const c_char);
        free_booster = XGBoosterFree(Raw);
        update = XGBoosterUpdateOneIter(Raw, c_int, Raw);
        metrics = XGBoosterEvalOneIter(Raw, c_int, *const Raw, *const *const c_char, u64, *mut *const c_char);
        slice = XGBoosterSlice(Raw, c_int, c_int, c_int, *mut Raw);
        save = XGBoosterSaveModelToBuffer(Raw, *const c_char, *mut u64, *mut *const c_char);
        predict = XGBoosterPredictFromDMatrix(Raw, Raw, *const c_char, *mut *const u64, *mut u64, *mut *const f32);
    }
}

/// XGBoost, loaded.
pub struct XgBoost {
    functions: Functions,
    path: PathBuf,
}

impl XgBoost {
    /// Finds and loads the library.
    ///
    /// # Errors
    /// [`NativeError::Absent`], [`NativeError::Load`], [`NativeError::Old`] before version 2.0.
    pub fn open(search: &Search) -> Result<Self, NativeError> {
        type Version = unsafe extern "C" fn(*mut c_int, *mut c_int, *mut c_int);
        let (library, path) = load(search, search.xgboost.as_ref(), &KNOWN)?;
        // SAFETY: the type is that of the function in the library's own header.
        let version =
            *unsafe { library.get::<Version>(b"XGBoostVersion\0") }.map_err(|error| old(&path, &KNOWN, &error))?;
        let (mut major, mut minor, mut rest) = (0, 0, 0);
        // SAFETY: all three pointers are where an answer goes, and the library is loaded.
        unsafe { version(&raw mut major, &raw mut minor, &raw mut rest) };
        if (major, minor) < LEAST {
            return Err(old(&path, &KNOWN, &format!("it is version {major}.{minor}")));
        }
        let functions = Functions::bind(library, "XGBGetLastError\0").map_err(|error| old(&path, &KNOWN, &error))?;
        Ok(Self { functions, path })
    }

    /// The file it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fits a model; `follow` hears of each round. The UBJ that comes back says nothing of how many threads worked.
    ///
    /// # Errors
    /// [`NativeError::Shape`], [`NativeError::Refused`], [`NativeError::Cancelled`].
    pub fn fit(&self, fit: &Fit<'_>, follow: &mut dyn Follow) -> Result<Fitted, NativeError> {
        fit.check()?;
        let mut matrices = vec![self.matrix(&fit.training)?];
        if let Some(rows) = &fit.validation {
            matrices.push(self.matrix(rows)?);
        }
        let (raws, mut raw): (Vec<Raw>, _) = (matrices.iter().map(Handle::raw).collect(), ptr::null_mut());
        // SAFETY: `raws` holds as many matrices as are told, which live as long as the booster, in one struct that drops
        // the booster first.
        let code = unsafe { (self.functions.booster)(raws.as_ptr(), raws.len() as u64, &raw mut raw) };
        self.check(code, "XGBoosterCreate")?;
        let booster = Handle::new(raw, self.functions.free_booster);
        for (name, value) in
            fit.parameters.iter().map(|(name, value)| (*name, value.as_str())).chain([("verbosity", "0")])
        {
            let (name, value) = (text(name), text(value));
            // SAFETY: both texts end in 0 and are copied.
            let code = unsafe { (self.functions.set_parameter)(booster.raw(), name.as_ptr(), value.as_ptr()) };
            self.check(code, "XGBoosterSetParam")?;
        }
        fit.run(&mut Training { library: self, booster, matrices }, follow)
    }

    fn check(&self, code: c_int, function: &'static str) -> Result<(), NativeError> {
        check(code, function, self.functions.last_error)
    }

    /// Copies rows into the library.
    fn matrix(&self, rows: &Rows<'_>) -> Result<Handle, NativeError> {
        let (values, mut raw) = (single(rows.values), ptr::null_mut());
        let (count, columns) = (rows.count() as u64, rows.columns as u64);
        // SAFETY: `values` holds `count * columns` numbers, which `Fit::check` made sure of and which are copied.
        let code = unsafe { (self.functions.matrix)(values.as_ptr(), count, columns, f32::NAN, &raw mut raw) };
        self.check(code, "XGDMatrixCreateFromMat")?;
        let matrix = Handle::new(raw, self.functions.free_matrix);
        for (name, values) in [(c"label", Some(rows.labels)), (c"weight", rows.weights)] {
            let Some(values) = values.map(single) else { continue };
            let length = values.len() as u64;
            // SAFETY: `values` holds as many numbers as are told, which are copied.
            let code = unsafe { (self.functions.set_info)(matrix.raw(), name.as_ptr(), values.as_ptr(), length) };
            self.check(code, "XGDMatrixSetFloatInfo")?;
        }
        Ok(matrix)
    }
}

/// The library works in single precision.
fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

/// A fit under way. Fields are dropped in their order: the booster before the rows it refers to.
struct Training<'a> {
    library: &'a XgBoost,
    booster: Handle,
    /// The rows to learn from and, if there are some, those to measure on.
    matrices: Vec<Handle>,
}

impl Training<'_> {
    /// The booster of the first `rounds` rounds.
    fn slice(&self, rounds: usize) -> Result<Handle, NativeError> {
        let mut raw = ptr::null_mut();
        // SAFETY: the booster is alive and `raw` is where the new one goes.
        let code = unsafe { (self.library.functions.slice)(self.booster.raw(), 0, rounds as c_int, 1, &raw mut raw) };
        self.library.check(code, "XGBoosterSlice")?;
        Ok(Handle::new(raw, self.library.functions.free_booster))
    }

    fn bytes(&self, booster: &Handle) -> Result<Vec<u8>, NativeError> {
        let (mut length, mut first) = (0, ptr::null());
        let form = c"{\"format\": \"ubj\"}";
        // SAFETY: booster and text are alive, and both pointers are where an answer goes.
        let code =
            unsafe { (self.library.functions.save)(booster.raw(), form.as_ptr(), &raw mut length, &raw mut first) };
        self.library.check(code, "XGBoosterSaveModelToBuffer")?;
        // SAFETY: the library owns `length` bytes there until the booster is called again, which comes after this copy.
        Ok(unsafe { copy(first.cast::<u8>(), length) })
    }

    fn margins(&self, booster: &Handle, rows: &Rows<'_>) -> Result<Vec<f64>, NativeError> {
        let matrix = self.library.matrix(&Rows { weights: None, ..*rows })?;
        let config = c"{\"type\": 1, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, \"strict_shape\": false}";
        let (mut shape, mut dimensions, mut first) = (ptr::null(), 0, ptr::null());
        // SAFETY: booster, matrix and text are alive, and the pointers are where answers go.
        let code = unsafe {
            (self.library.functions.predict)(
                booster.raw(),
                matrix.raw(),
                config.as_ptr(),
                &raw mut shape,
                &raw mut dimensions,
                &raw mut first,
            )
        };
        self.library.check(code, "XGBoosterPredictFromDMatrix")?;
        // SAFETY: the library owns as many numbers there as it said, until the booster is called again.
        let length = unsafe { copy(shape, dimensions) }.into_iter().product();
        // SAFETY: as above.
        let margins = unsafe { copy(first, length) };
        Ok(margins.into_iter().map(f64::from).collect())
    }
}

/// Copies `length` items that begin at `first`.
///
/// # Safety
/// They are there, or `first` is null.
unsafe fn copy<T: Clone>(first: *const T, length: u64) -> Vec<T> {
    if first.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(first, length as usize) }.to_vec()
}

impl Booster for Training<'_> {
    fn update(&mut self, number: usize) -> Result<bool, NativeError> {
        let round = number as c_int - 1;
        // SAFETY: booster and matrix are alive.
        let code = unsafe { (self.library.functions.update)(self.booster.raw(), round, self.matrices[0].raw()) };
        self.library.check(code, "XGBoosterUpdateOneIter").map(|()| true)
    }

    fn metrics(&mut self, number: usize, parts: &[Part]) -> Result<Vec<f64>, NativeError> {
        const FUNCTION: &str = "XGBoosterEvalOneIter";
        let raws: Vec<Raw> = parts.iter().map(|part| self.matrices[*part as usize].raw()).collect();
        let names: Vec<_> = parts.iter().map(|part| NAMES[*part as usize].as_ptr()).collect();
        let (round, length, mut said) = (number as c_int - 1, raws.len() as u64, ptr::null());
        // SAFETY: `raws` and `names` hold as many items as are told, all alive.
        let code = unsafe {
            (self.library.functions.metrics)(
                self.booster.raw(),
                round,
                raws.as_ptr(),
                names.as_ptr(),
                length,
                &raw mut said,
            )
        };
        self.library.check(code, FUNCTION)?;
        // SAFETY: a text that ends in 0 and stays until the booster is called again, which comes after it was read.
        let said = unsafe { CStr::from_ptr(said) }.to_string_lossy();
        let found = parse(&said);
        let missing = || NativeError::Refused { function: FUNCTION, problem: format!("`{said}` holds no metric") };
        if found.len() < parts.len() { Err(missing()) } else { Ok(found) }
    }

    fn finish(&mut self, rounds: usize, rows: Rows<'_>) -> Result<(Vec<u8>, Vec<f64>), NativeError> {
        let kept = self.slice(rounds)?;
        Ok((self.bytes(&kept)?, self.margins(&kept, &rows)?))
    }
}

/// The numbers of a report: `[3]<tab>training-logloss:0.5<tab>validation-logloss:0.6`.
fn parse(report: &str) -> Vec<f64> {
    report.split('\t').skip(1).filter_map(|part| part.rsplit_once(':')?.1.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        assert_eq!(parse("[3]\ttraining-poisson-nloglik:0.5\tvalidation-poisson-nloglik:0.625"), [0.5, 0.625]);
        assert!(parse("[3]").is_empty());
    }
}
