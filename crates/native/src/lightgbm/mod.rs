//! LightGBM.

mod predictor;

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    fmt::Write as _,
    path::{Path, PathBuf},
    ptr,
};

use crate::{
    Fit, Fitted, Follow, NativeError, Rows, Search,
    fit::{Booster, Part},
    library::{Handle, Known, Raw, check, functions, load, old, text},
    search::Wanted,
};

pub use predictor::Predictor;

/// Types of numbers in the library's words.
const FLOAT32: c_int = 0;
const FLOAT64: c_int = 1;
/// Margins are asked for, not scores.
const RAW_SCORE: c_int = 1;
/// Importances are counts of splits.
const SPLITS: c_int = 0;

const KNOWN: Known = Known {
    title: "LightGBM",
    package: "lightgbm",
    variable: "LINEAL_LIGHTGBM",
    wanted: Wanted { folder: "lightgbm/lib", stem: "_lightgbm" },
};

functions! {
    /// The functions that are used.
    struct Functions {
        dataset = LGBM_DatasetCreateFromMat(*const c_void, c_int, i32, i32, c_int, *const c_char, Raw, *mut Raw);
        set_field = LGBM_DatasetSetField(Raw, *const c_char, *const c_void, c_int, c_int);
        free_dataset = LGBM_DatasetFree(Raw);
        booster = LGBM_BoosterCreate(Raw, *const c_char, *mut Raw);
        add_validation = LGBM_BoosterAddValidData(Raw, Raw);
        free_booster = LGBM_BoosterFree(Raw);
        update = LGBM_BoosterUpdateOneIter(Raw, *mut c_int);
        metric_count = LGBM_BoosterGetEvalCounts(Raw, *mut c_int);
        metrics = LGBM_BoosterGetEval(Raw, c_int, *mut c_int, *mut f64);
        save = LGBM_BoosterSaveModelToString(Raw, c_int, c_int, c_int, i64, *mut i64, *mut c_char);
        predict_count = LGBM_BoosterCalcNumPredict(Raw, c_int, c_int, c_int, c_int, *mut i64);
        predict = LGBM_BoosterPredictForMat(Raw, *const c_void, c_int, i32, i32, c_int, c_int, c_int, c_int, *const c_char, *mut i64, *mut f64);
    }
}

/// LightGBM, loaded.
pub struct LightGbm {
    functions: Functions,
    path: PathBuf,
}

impl LightGbm {
    /// Finds and loads the library.
    ///
    /// # Errors
    /// [`NativeError::Absent`], [`NativeError::Load`], [`NativeError::Old`] before version 4.2.
    pub fn open(search: &Search) -> Result<Self, NativeError> {
        let (library, path) = load(search, search.lightgbm.as_ref(), &KNOWN)?;
        // SAFETY: the function is looked for and never called: it came with version 4.2, which is the least.
        let mark = unsafe { library.get::<unsafe extern "C" fn()>(b"LGBM_SetMaxThreads\0") };
        mark.map(drop).map_err(|error| old(&path, &KNOWN, &error))?;
        let functions = Functions::bind(library, "LGBM_GetLastError\0").map_err(|error| old(&path, &KNOWN, &error))?;
        Ok(Self { functions, path })
    }

    /// The file it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fits a model; `follow` hears of each round. The text that comes back says nothing of how many threads worked.
    ///
    /// # Errors
    /// [`NativeError::Shape`], [`NativeError::Refused`], [`NativeError::Cancelled`].
    pub fn fit(&self, fit: &Fit<'_>, follow: &mut dyn Follow) -> Result<Fitted, NativeError> {
        fit.check()?;
        let mut parameters = String::from("verbosity=-1");
        for (name, value) in fit.parameters {
            let _ = write!(parameters, " {name}={value}");
        }
        let mut datasets = vec![self.dataset(&fit.training, &parameters, None)?];
        if let Some(rows) = &fit.validation {
            datasets.push(self.dataset(rows, &parameters, datasets.first())?);
        }
        fit.run(&mut self.train(datasets, parameters)?, follow)
    }

    fn check(&self, code: c_int, function: &'static str) -> Result<(), NativeError> {
        check(code, function, self.functions.last_error)
    }

    /// Copies rows into the library; those to measure on are cut like those to learn from.
    fn dataset(&self, rows: &Rows<'_>, parameters: &str, like: Option<&Handle>) -> Result<Handle, NativeError> {
        let (parameters, mut raw) = (text(parameters), ptr::null_mut());
        let (count, columns, like) =
            (rows.count() as i32, rows.columns as i32, like.map_or(ptr::null_mut(), Handle::raw));
        let values = rows.values.as_ptr().cast();
        // SAFETY: `values` holds `count * columns` numbers, which `Fit::check` made sure of; `like` is null or a dataset;
        // the values are copied.
        let code = unsafe {
            (self.functions.dataset)(values, FLOAT64, count, columns, 1, parameters.as_ptr(), like, &raw mut raw)
        };
        self.check(code, "LGBM_DatasetCreateFromMat")?;
        let dataset = Handle::new(raw, self.functions.free_dataset);
        self.set(&dataset, "label", rows.labels)?;
        rows.weights.map_or(Ok(()), |weights| self.set(&dataset, "weight", weights))?;
        Ok(dataset)
    }

    fn set(&self, dataset: &Handle, name: &str, values: &[f64]) -> Result<(), NativeError> {
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        let (name, first) = (text(name), values.as_ptr().cast());
        // SAFETY: `first` points to as many numbers as are told, which are copied.
        let code =
            unsafe { (self.functions.set_field)(dataset.raw(), name.as_ptr(), first, values.len() as c_int, FLOAT32) };
        self.check(code, "LGBM_DatasetSetField")
    }

    fn train(&self, datasets: Vec<Handle>, parameters: String) -> Result<Training<'_>, NativeError> {
        let (settings, mut raw) = (text(&format!("{parameters} is_provide_training_metric=true")), ptr::null_mut());
        // SAFETY: the dataset lives as long as the booster, in one struct that drops the booster first.
        let code = unsafe { (self.functions.booster)(datasets[0].raw(), settings.as_ptr(), &raw mut raw) };
        self.check(code, "LGBM_BoosterCreate")?;
        let booster = Handle::new(raw, self.functions.free_booster);
        for validation in &datasets[1..] {
            // SAFETY: as above.
            let code = unsafe { (self.functions.add_validation)(booster.raw(), validation.raw()) };
            self.check(code, "LGBM_BoosterAddValidData")?;
        }
        Ok(Training { library: self, booster, _datasets: datasets, parameters })
    }
}

/// A fit under way. Fields are dropped in their order: the booster before the rows it refers to.
struct Training<'a> {
    library: &'a LightGbm,
    booster: Handle,
    /// The rows to learn from and, if there are some, those to measure on.
    _datasets: Vec<Handle>,
    parameters: String,
}

impl Training<'_> {
    /// The one metric of data set `index`: 0 learns, 1 validates.
    fn metric(&self, index: c_int) -> Result<f64, NativeError> {
        let functions = &self.library.functions;
        let mut count = 0;
        // SAFETY: the booster is alive and `count` is where the answer goes.
        let code = unsafe { (functions.metric_count)(self.booster.raw(), &raw mut count) };
        self.library.check(code, "LGBM_BoosterGetEvalCounts")?;
        let mut values = vec![f64::NAN; count.max(1) as usize];
        // SAFETY: there is room for as many numbers as the library just said it has.
        let code = unsafe { (functions.metrics)(self.booster.raw(), index, &raw mut count, values.as_mut_ptr()) };
        self.library.check(code, "LGBM_BoosterGetEval")?;
        Ok(values[0])
    }

    fn text(&self, rounds: usize) -> Result<Vec<u8>, NativeError> {
        let mut buffer = vec![0_u8; 1 << 20];
        loop {
            let (room, first, mut length) = (buffer.len() as i64, buffer.as_mut_ptr().cast(), 0);
            let rounds = rounds as c_int;
            // SAFETY: the library writes no more than `room` bytes and says how many it needs.
            let code = unsafe {
                (self.library.functions.save)(self.booster.raw(), 0, rounds, SPLITS, room, &raw mut length, first)
            };
            self.library.check(code, "LGBM_BoosterSaveModelToString")?;
            if length <= room {
                let text = CStr::from_bytes_until_nul(&buffer).map(CStr::to_bytes).unwrap_or_default();
                return Ok(without_parameters(text).to_vec());
            }
            buffer.resize(length as usize, 0);
        }
    }

    fn margins(&self, rounds: usize, rows: &Rows<'_>) -> Result<Vec<f64>, NativeError> {
        let functions = &self.library.functions;
        let (count, columns, rounds) = (rows.count() as i32, rows.columns as i32, rounds as c_int);
        let mut length = 0;
        // SAFETY: the booster is alive and `length` is where the answer goes.
        let code =
            unsafe { (functions.predict_count)(self.booster.raw(), count, RAW_SCORE, 0, rounds, &raw mut length) };
        self.library.check(code, "LGBM_BoosterCalcNumPredict")?;
        let mut margins = vec![0.0; length.max(0) as usize];
        let (parameters, values, to) = (text(&self.parameters), rows.values.as_ptr().cast(), margins.as_mut_ptr());
        // SAFETY: `values` holds `count * columns` numbers, and `to` has room for as many as the library asked for.
        let code = unsafe {
            (functions.predict)(
                self.booster.raw(),
                values,
                FLOAT64,
                count,
                columns,
                1,
                RAW_SCORE,
                0,
                rounds,
                parameters.as_ptr(),
                &raw mut length,
                to,
            )
        };
        self.library.check(code, "LGBM_BoosterPredictForMat")?;
        Ok(margins)
    }
}

impl Booster for Training<'_> {
    fn update(&mut self, _: usize) -> Result<bool, NativeError> {
        let mut finished = 0;
        // SAFETY: booster and rows are alive and `finished` is where the answer goes.
        let code = unsafe { (self.library.functions.update)(self.booster.raw(), &raw mut finished) };
        self.library.check(code, "LGBM_BoosterUpdateOneIter")?;
        Ok(finished == 0)
    }

    fn metrics(&mut self, _: usize, parts: &[Part]) -> Result<Vec<f64>, NativeError> {
        parts.iter().map(|part| self.metric(*part as c_int)).collect()
    }

    fn finish(&mut self, rounds: usize, rows: Rows<'_>) -> Result<(Vec<u8>, Vec<f64>), NativeError> {
        Ok((self.text(rounds)?, self.margins(rounds, &rows)?))
    }
}

/// The text up to its parameters, which say how the library was called, the number of threads included.
fn without_parameters(text: &[u8]) -> &[u8] {
    const MARK: &[u8] = b"\nparameters:\n";
    let end = text.windows(MARK.len()).position(|part| part == MARK).map_or(text.len(), |at| at + 1);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_before_its_parameters() {
        assert_eq!(
            without_parameters(b"tree\nend of trees\n\nparameters:\n[num_threads: 3]\n"),
            b"tree\nend of trees\n\n"
        );
        assert_eq!(without_parameters(b"tree\n"), b"tree\n");
    }
}
