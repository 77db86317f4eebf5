//! Scores of a stored model by the library itself, for whoever compares.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
};

use super::{FLOAT64, LightGbm, RAW_SCORE};
use crate::{
    NativeError,
    library::{Handle, Raw, functions, load, old, text},
};

/// One thread, as a serving thread has.
const PARAMETERS: &str = "num_threads=1 verbosity=-1";

functions! {
    /// The functions that score.
    pub(super) struct Functions {
        read = LGBM_BoosterLoadModelFromString(*const c_char, *mut c_int, *mut Raw);
        free_booster = LGBM_BoosterFree(Raw);
        batch = LGBM_BoosterPredictForMat(Raw, *const c_void, c_int, i32, i32, c_int, c_int, c_int, c_int, *const c_char, *mut i64, *mut f64);
        prepare = LGBM_BoosterPredictForMatSingleRowFastInit(Raw, c_int, c_int, c_int, c_int, i32, *const c_char, *mut Raw);
        single = LGBM_BoosterPredictForMatSingleRowFast(Raw, *const c_void, *mut i64, *mut f64);
        free_prepared = LGBM_FastConfigFree(Raw);
    }
}

/// A model with one output, ready to score. Fields are dropped in their order: what was prepared before the booster.
pub struct Predictor {
    prepared: Handle,
    booster: Handle,
    columns: usize,
    functions: Functions,
}

impl LightGbm {
    /// Reads a model of one output and `columns` features, as [`LightGbm::fit`] gives it.
    ///
    /// # Errors
    /// [`NativeError::Refused`], [`NativeError::Old`].
    pub fn predictor(&self, model: &str, columns: usize) -> Result<Predictor, NativeError> {
        let search = crate::Search { lightgbm: Some(self.path.clone()), ..crate::Search::default() };
        let (library, path) = load(&search, search.lightgbm.as_ref(), &super::KNOWN)?;
        let functions = Functions::bind(library, "LGBM_GetLastError\0");
        let functions = functions.map_err(|error| old(&path, &super::KNOWN, &error))?;
        let (model, mut rounds, mut raw) = (text(model), 0, ptr::null_mut());
        // SAFETY: the text ends in 0 and is copied; both pointers are where answers go.
        let code = unsafe { (functions.read)(model.as_ptr(), &raw mut rounds, &raw mut raw) };
        self.check(code, "LGBM_BoosterLoadModelFromString")?;
        let booster = Handle::new(raw, functions.free_booster);
        let (parameters, mut raw) = (text(PARAMETERS), ptr::null_mut());
        let width = columns as i32;
        // SAFETY: the booster is alive and outlives what is prepared, in one struct that drops it later.
        let code = unsafe {
            (functions.prepare)(booster.raw(), RAW_SCORE, 0, -1, FLOAT64, width, parameters.as_ptr(), &raw mut raw)
        };
        self.check(code, "LGBM_BoosterPredictForMatSingleRowFastInit")?;
        Ok(Predictor { prepared: Handle::new(raw, functions.free_prepared), booster, columns, functions })
    }
}

impl Predictor {
    /// The margin of one row.
    ///
    /// # Errors
    /// [`NativeError::Shape`], [`NativeError::Refused`].
    pub fn row(&mut self, row: &[f64]) -> Result<f64, NativeError> {
        if row.len() != self.columns {
            return Err(NativeError::Shape { rows: 1, columns: row.len() });
        }
        let (mut length, mut margin) = (0, 0.0);
        // SAFETY: the row has as many numbers as were told when it was prepared, and the margin is one number.
        let code = unsafe {
            (self.functions.single)(self.prepared.raw(), row.as_ptr().cast(), &raw mut length, &raw mut margin)
        };
        crate::library::check(code, "LGBM_BoosterPredictForMatSingleRowFast", self.functions.last_error)?;
        Ok(margin)
    }

    /// The margins of rows that lie one after the other.
    ///
    /// # Errors
    /// [`NativeError::Shape`], [`NativeError::Refused`].
    pub fn rows(&mut self, values: &[f64]) -> Result<Vec<f64>, NativeError> {
        let rows = values.len() / self.columns;
        let shape = NativeError::Shape { rows, columns: self.columns };
        let count = i32::try_from(rows).ok().filter(|_| values.len().is_multiple_of(self.columns)).ok_or(shape)?;
        let (mut margins, mut length, parameters) = (vec![0.0; rows], 0, text(PARAMETERS));
        let (from, to, columns) = (values.as_ptr().cast(), margins.as_mut_ptr(), self.columns as i32);
        // SAFETY: `from` points to `count * columns` numbers, and `to` has room for one margin of each row.
        let code = unsafe {
            (self.functions.batch)(
                self.booster.raw(),
                from,
                FLOAT64,
                count,
                columns,
                1,
                RAW_SCORE,
                0,
                -1,
                parameters.as_ptr(),
                &raw mut length,
                to,
            )
        };
        crate::library::check(code, "LGBM_BoosterPredictForMat", self.functions.last_error)?;
        Ok(margins)
    }
}
