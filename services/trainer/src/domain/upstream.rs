//! The versions whose answers a member of a chain learns from.

use lineal_kernel::{FieldError, FieldErrors, ModelName};
use lineal_models::{Upstreams, member_family};
use serde::{Deserialize, Serialize};

use super::{SpecDraft, text};

/// More members than a chain may have are no help to anyone.
const MAX_UPSTREAMS: usize = 15;

/// A version whose answers are learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upstream {
    /// Its model, whose name is the member's in the chain.
    #[serde(with = "text")]
    pub(crate) model: ModelName,
    /// 0 for the champion.
    pub(crate) number: u64,
}

/// The upstreams of a specification, as many as its family takes.
pub(super) fn check(draft: &SpecDraft, errors: &mut FieldErrors) -> Option<Vec<Upstream>> {
    let takes = member_family(&draft.family).map_or(Upstreams::None, |family| family.describe().upstreams);
    let found = draft.upstreams.len();
    let problem = match takes {
        Upstreams::None if found > 0 => "the family takes no answers of others, leave them out",
        Upstreams::One if found != 1 => "the family takes the answers of one version, name its model",
        Upstreams::Several if !(1..=MAX_UPSTREAMS).contains(&found) => {
            "the family takes the answers of 1 to 15 versions, name their models"
        }
        _ => "",
    };
    if !problem.is_empty() {
        errors.0.push(FieldError::new("upstreams", problem));
        return None;
    }
    let mut upstreams: Vec<Upstream> = Vec::new();
    for (i, (model, number)) in draft.upstreams.iter().enumerate() {
        let model =
            errors.check(ModelName::new(model).map_err(|error| error.under(&format!("upstreams[{i}].model"))))?;
        if model.as_str() == draft.model || upstreams.iter().any(|known| known.model == model) {
            let problem = "a model is in a chain once, name another";
            errors.0.push(FieldError::new(format!("upstreams[{i}].model"), problem));
            return None;
        }
        upstreams.push(Upstream { model, number: *number });
    }
    Some(upstreams)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(family: &str, upstreams: &[&str]) -> Vec<String> {
        let upstreams = upstreams.iter().map(|model| ((*model).to_owned(), 0)).collect();
        let draft =
            SpecDraft { model: "odds".to_owned(), family: family.to_owned(), upstreams, ..SpecDraft::default() };
        let mut errors = FieldErrors::default();
        let checked = check(&draft, &mut errors);
        assert_eq!(checked.is_some(), errors.0.is_empty());
        errors.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_family_gets_as_many_upstreams_as_it_takes() {
        // F45
        for (family, upstreams) in
            [("poisson", &[][..]), ("calibration", &["goals"]), ("blending", &["goals", "draws"]), ("ridge", &[])]
        {
            assert_eq!(problems(family, upstreams), Vec::<String>::new(), "{family}");
        }
        for (family, upstreams) in [("poisson", &["goals"][..]), ("ridge", &["goals"]), ("calibration", &[])] {
            assert!(problems(family, upstreams)[0].starts_with("upstreams: the family takes"), "{family}");
        }
        assert!(problems("blending", &["goals", "goals"])[0].starts_with("upstreams[1].model: a model is in a chain"));
        assert!(problems("blending", &["odds"])[0].starts_with("upstreams[0].model: a model is in a chain"));
        assert!(problems("blending", &["Goals!"])[0].starts_with("upstreams[0].model: "));
    }
}
