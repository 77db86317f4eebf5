//! Pipelines as people write them: YAML with the fields of the contract.

use std::{fs, path::Path};

use figment::{
    Figment,
    providers::{Format as _, Yaml},
};
use serde::de::DeserializeOwned;

use crate::cli::error::CliError;

/// Reads the graph or the chain of a file; unknown keys are refused with their path.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CliError> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| CliError::File { path: name.clone(), source })?;
    parse(&text).map_err(|problem| CliError::usage(format!("{name}: {problem}")))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    Figment::from(Yaml::string(text)).extract().map_err(|error| {
        let problem = error.kind.to_string();
        if error.path.is_empty() { problem } else { format!("{}: {problem}", error.path.join(".")) }
    })
}

#[cfg(test)]
mod tests {
    use lineal_proto::{
        lineal::{
            trainer::v1::{
                MissingRule, PipelineSpec, RatioTransform, ResampleMethod, SourceFormat, TrainFullPipelineRequest,
                feature_transform::Transform, pipeline_node::Kind,
            },
            validator::v1::MetricLimit,
        },
        pbjson_types::Value,
    };

    use super::*;

    const FILE: &str = "
nodes:
  - id: rows
    data: {dataset: churn, format: SOURCE_FORMAT_CSV}
  - id: parts
    inputs: [rows]
    split: {version: v1, reference_fraction: 0.25}
  - id: balance
    inputs: [parts]
    resample: {method: RESAMPLE_METHOD_OVER, seed: 7}
  - id: train
    inputs: [balance]
    after: [parts]
    train:
      model: churn
      label_column: churn
      family: gradient_boosting
      hyperparameters: {rounds: 20, learning_rate: 0.05}
      seed: 18446744073709551615
      max_runtime: 600s
  - id: judge
    inputs: [train]
    validate: {policy: {limits: [{metric: auc, limit: 0.8}]}}
  - id: crown
    inputs: [judge]
    promote: {reason: weekly}
";

    #[test]
    fn a_file_has_the_fields_of_the_contract() {
        let nodes = parse::<PipelineSpec>(FILE).unwrap().nodes;
        let kinds: Vec<_> = nodes.iter().map(|node| node.kind.clone().unwrap()).collect();
        let Kind::Data(rows) = &kinds[0] else { panic!("{:?}", kinds[0]) };
        assert_eq!((rows.dataset.as_str(), rows.format()), ("churn", SourceFormat::Csv));
        let Kind::Resample(balance) = &kinds[2] else { panic!("{:?}", kinds[2]) };
        assert_eq!((balance.method(), balance.seed), (ResampleMethod::Over, 7));
        let Kind::Train(job) = &kinds[3] else { panic!("{:?}", kinds[3]) };
        assert_eq!(job.hyperparameters["rounds"], Value::from(20.0));
        assert_eq!((job.seed, job.max_runtime.as_ref().map(|time| time.seconds)), (u64::MAX, Some(600)));
        assert_eq!(
            (&nodes[3].inputs[..], &nodes[3].after[..]),
            (&["balance".to_owned()][..], &["parts".to_owned()][..])
        );
        let Kind::Validate(judge) = &kinds[4] else { panic!("{:?}", kinds[4]) };
        let limits = &judge.policy.as_ref().unwrap().limits;
        assert_eq!(limits[..], [MetricLimit { metric: "auc".to_owned(), limit: 0.8 }]);
    }

    #[test]
    fn the_files_that_the_documentation_shows_can_be_read() {
        // F63, F74, F88
        let page = include_str!("../../../../../docs/pipelines.md");
        let shown: Vec<_> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let nodes = parse::<PipelineSpec>(shown[0]).unwrap().nodes;
        let Some(Kind::Features(columns)) = &nodes[2].kind else { panic!("{:?}", nodes[2]) };
        let features = &columns.feature_set.as_ref().unwrap().features;
        assert_eq!((columns.version.as_str(), features.len()), ("v2", 3));
        assert_eq!((features[2].name.as_str(), features[2].missing()), ("rate", MissingRule::Median));
        let ratio = Transform::Ratio(RatioTransform { over: "tenure".to_owned() });
        assert_eq!(features[2].transform.clone().unwrap().transform, Some(ratio));
        assert!(matches!(&nodes[3].kind, Some(Kind::Train(job)) if job.use_settings && job.family.is_empty()));
        assert_eq!(parse::<TrainFullPipelineRequest>(shown[1]).unwrap().members.len(), 2);
        let told = parse::<PipelineSpec>(&shown[0].replace("over: tenure", "by: tenure")).unwrap_err();
        assert!(told.starts_with("nodes.2.features.feature_set.features.2.transform") && told.contains("by"), "{told}");
    }

    #[test]
    fn unknown_keys_are_told_with_their_path() {
        for (wrong, path, problem) in [
            (FILE.replace("family:", "famly:"), "nodes.3.train", "famly"),
            (FILE.replace("limits:", "limts:"), "nodes.4.validate.policy", "limts"),
            (FILE.replace("reason:", "raeson:"), "nodes.5.promote", "raeson"),
            (FILE.replace("  - id: crown", "  - name: crown"), "nodes.5", "name"),
            (FILE.replace("RESAMPLE_METHOD_OVER", "over"), "nodes.2.resample", "over"),
            (FILE.replace("nodes:", "steps:"), "steps", "steps"),
        ] {
            let told = parse::<PipelineSpec>(&wrong).unwrap_err();
            assert!(told.starts_with(path) && told.contains(problem), "{path}: {told}");
        }
        assert!(parse::<PipelineSpec>("nodes: [").is_err());
    }

    #[test]
    fn a_file_of_a_chain_names_its_members_upstream_first() {
        // F44
        let text = "
source: {dataset: matches, format: SOURCE_FORMAT_CSV}
members:
  - {model: goals, family: poisson, hyperparameters: {xi: 0.002}}
  - {model: forecast, family: calibration}
promote: {}
";
        let chain: TrainFullPipelineRequest = parse(text).unwrap();
        let members: Vec<_> = chain.members.iter().map(|one| (one.model.as_str(), one.family.as_str())).collect();
        assert_eq!(members, [("goals", "poisson"), ("forecast", "calibration")]);
        assert_eq!(chain.members[0].hyperparameters["xi"], Value::from(0.002));
        assert_eq!(chain.source.unwrap().dataset, "matches");
        let told = parse::<TrainFullPipelineRequest>(&text.replace("family: cal", "famly: cal")).unwrap_err();
        assert!(told.starts_with("members.1") && told.contains("famly"), "{told}");
    }
}
