//! Configuration: defaults, then `lineal.yaml`, then `LINEAL__SECTION__KEY`, then flags.
//!
//! [`RawConfig`] is what can be written down; [`Config`] is what was checked. All problems are reported together.

mod checked;
mod raw;
mod signing;

use std::{fmt::Write as _, path::Path};

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Yaml},
};

pub use checked::{Config, InferenceSettings, Peers, ServerSettings};
pub use raw::{
    LogFormat, LogSettings, RawCanaryCheck, RawConfig, RawDynamicBatching, RawOpenLineage, RawPredictionLog,
    RawSigning, RawTrainer,
};

const PREFIX: &str = "LINEAL__";

/// Everything that is wrong with the configuration, one problem a line.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is wrong:\n{0}")]
pub struct ConfigError(String);

impl ConfigError {
    fn new(problems: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut text = String::new();
        for (path, problem) in problems {
            let _ = writeln!(text, "  {path}: {problem}");
        }
        Self(text.trim_end().to_owned())
    }
}

/// Reads all layers; `flags` are the keys that the command line sets, e.g. `("server.listen", "127.0.0.1:0")`.
pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Config, ConfigError> {
    let mut layers = Figment::from(Serialized::defaults(RawConfig::default()));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(ConfigError::new([("--config".to_owned(), format!("cannot read {}", file.display()))]));
        }
        layers = layers.merge(Yaml::file_exact(file));
    }
    layers = layers.merge(Env::prefixed(PREFIX).split("__"));
    for (key, value) in flags {
        layers = layers.merge(Serialized::default(key, value));
    }
    let raw: RawConfig = layers.extract().map_err(|errors| {
        ConfigError::new(errors.into_iter().map(|error| {
            let source =
                error.metadata.as_ref().map_or_else(String::new, |metadata| format!(" (in {})", metadata.name));
            (error.path.join("."), format!("{}{source}", error.kind))
        }))
    })?;
    Config::check(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(yaml: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lineal.yaml");
        std::fs::write(&file, yaml).unwrap();
        load(Some(&file), &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_sample_file_is_the_defaults() {
        let sample = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/lineal.yaml"));
        let raw: RawConfig = Figment::from(Yaml::file_exact(sample)).extract().unwrap();
        assert_eq!(raw, RawConfig::default());
    }

    #[test]
    fn later_layers_win() {
        let config = written("version: 1\nserver:\n  listen: 127.0.0.1:9000\n").unwrap();
        assert_eq!(config.server.listen.port(), 9000);
        let config = load(None, &[("server.listen", "127.0.0.1:9001".to_owned())]).unwrap();
        assert_eq!(config.server.listen.port(), 9001);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_path() {
        let error = written("version: 1\nregistry:\n  lease_secs: 3\n").unwrap_err();
        assert!(error.contains("registry") && error.contains("lease_secs"), "{error}");
    }

    #[test]
    fn all_bad_values_are_reported_together() {
        let yaml =
            "version: 1\nserver: { listen: nowhere }\nregistry: { database_url: 'mysql://db', lease_seconds: 0 }\n";
        let error = written(yaml).unwrap_err();
        for path in ["server.listen", "registry.database_url", "registry.lease_seconds"] {
            assert!(error.contains(path), "{path} in {error}");
        }
    }

    #[test]
    fn models_leave_memory_only_where_a_period_is_given() {
        // F138
        let idle_after = |seconds: u64| {
            written(&format!("version: 1\ninference: {{ idle_after_seconds: {seconds} }}\n"))
                .map(|config| config.inference.idle_after)
        };
        assert_eq!(idle_after(0), Ok(None));
        assert_eq!(idle_after(900), Ok(Some(std::time::Duration::from_mins(15))));
        assert!(idle_after(86_401).unwrap_err().contains("inference.idle_after_seconds"));
    }

    #[test]
    fn a_model_batches_as_it_is_set_for_itself_and_else_as_all_do() {
        let own =
            "inference: { dynamic_batching: { max_batch_size: 8, models: { churn: { max_queue_delay_ms: 2 } } } }\n";
        let batching = written(own).unwrap().inference.batching;
        let churn = batching.models[&lineal_kernel::ModelName::new("churn").unwrap()];
        assert_eq!((churn.max_rows, churn.max_delay.as_millis()), (8, 2));
        assert_eq!((batching.default.max_rows, batching.default.max_delay.as_millis()), (8, 0));

        let bad =
            "inference: { dynamic_batching: { max_queue_delay_ms: 1001, models: { '?': { max_batch_size: 0 } } } }\n";
        let error = written(bad).unwrap_err();
        let path = "inference.dynamic_batching";
        assert!(error.contains(&format!("{path}.max_queue_delay_ms: expected at most 1000 ms")), "{error}");
        assert!(error.contains(&format!("{path}.models.?.max_batch_size: expected 1 to 1024 rows")), "{error}");
        assert!(error.contains(&format!("{path}.models.?: ")), "{error}");
        let unknown = written("inference: { dynamic_batching: { models: { churn: { rows: 3 } } } }\n").unwrap_err();
        assert!(unknown.contains("rows"), "{unknown}");
    }

    #[test]
    fn keys_are_files_or_pem_and_bad_ones_are_named() {
        // X12
        let public = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/signing/tests/reference/key.pub"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pub");
        std::fs::write(&file, public).unwrap();
        let inline = public.replace('\n', "\\n");
        let good = format!("signing: {{ required: true, trusted_keys: ['{}', \"{inline}\"] }}\n", file.display());
        for (text, active) in [(good.as_str(), true), ("version: 1\n", false)] {
            let settings = written(text).unwrap();
            let policies = [settings.trainer.signatures, settings.validator.signatures, settings.inference.signatures];
            assert!(policies.iter().all(|policy| policy.is_active() == active), "{text}");
        }

        let bad = format!("signing: {{ trusted_keys: ['/nowhere'], key: '{}' }}\n", file.display());
        let error = written(&bad).unwrap_err();
        assert!(error.contains("signing.trusted_keys[0]: cannot read `/nowhere`"), "{error}");
        assert!(error.contains("signing.key: ") && error.contains("is no private ECDSA P-256 key"), "{error}");
        let nobody = written("signing: { required: true }\n").unwrap_err();
        assert!(nobody.contains("signing.required: name signing.trusted_keys"), "{nobody}");
    }
}
