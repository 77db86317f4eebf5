//! `lineal reproduce`

use lineal_kernel::Slot;
use lineal_proto::lineal::trainer::v1::{
    DigestComparison, ReproduceVersionRequest, ReproduceVersionResponse, Reproduction, ReproductionStep, StepVerdict,
    reproduction_service_client::ReproductionServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, verdict},
    request::{SlotArgs, resolve},
};

/// `lineal reproduce`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal reproduce churn 3 --threads 4\n\nExit code 4 if a digest differs.")]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias
    version: String,
    /// Threads of the fit, which never change the result [default: as many as jobs get]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    #[command(flatten)]
    slot: SlotArgs,
}

/// Trains a version again from what was recorded and prints where the two agree.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let slot: &Slot = &args.slot.slot;
    let number = resolve(ctx, &args.model, &args.version, slot).await?;
    let request =
        ReproduceVersionRequest { model: args.model.clone(), number, threads: args.threads.unwrap_or_default() };
    let about = |error: CliError| error.about(&args.model, number);
    let call = ReproductionServiceClient::new(ctx.trainer.peer()).reproduce_version(request).await;
    let mut answers = ctx.trainer.call(async { call }).await.map_err(about)?;
    let mut last = ReproduceVersionResponse::default();
    while let Some(answer) = answers.message().await.map_err(|status| about(ctx.trainer.failed(status)))? {
        last = answer;
    }
    let finished = last.reproduction.as_ref().filter(|reproduction| reproduction.done);
    let reproduction = ctx.trainer.present(finished, "result")?;
    ctx.output.print(&last, |style| render(reproduction, style))?;
    Ok(if reproduction.reproduced { Exit::Done } else { Exit::Refused })
}

fn render(reproduction: &Reproduction, style: Style) -> String {
    let Reproduction { model, number, reproduced, .. } = reproduction;
    let outcome = match (reproduced, reproduction.differs_at()) {
        (true, _) => "is reproduced bit for bit".to_owned(),
        (false, step) => format!("is not reproduced: it differs from step {} on", word(step)),
    };
    let mut facts = Table::headless(style);
    facts.fact("run", &reproduction.run_id);
    facts.fact("threads", reproduction.threads.to_string());
    let problems = reproduction.verdicts.iter().filter(|verdict| !verdict.problem.is_empty());
    for StepVerdict { problem, .. } in problems {
        facts.fact("problem", problem);
    }
    for difference in &reproduction.code_differences {
        facts.fact(if *reproduced { "other code" } else { "possible cause" }, difference);
    }
    let headline = style.heading(&format!("{model} {number} {outcome}"));
    let next = if *reproduced { String::new() } else { format!("next: lineal explain {model}/{number}\n") };
    format!("{headline}\n{}\n{}{next}", facts.render(), steps(reproduction, style))
}

fn steps(reproduction: &Reproduction, style: Style) -> String {
    let mut table = Table::new(style, &["STEP", "OF", "RECORDED", "FOUND", "VERDICT"]);
    for step in &reproduction.verdicts {
        let name = word(step.step());
        for DigestComparison { subject, recorded, found, same } in &step.comparisons {
            let digests = [recorded, found].map(|digest| cell(shown(digest)));
            let [recorded, found] = digests;
            table.add([cell(name), cell(subject), recorded, found, verdict(*same, "same", "differs")]);
        }
        if step.comparisons.is_empty() {
            table.add([cell(name), cell("-"), cell("-"), cell("-"), verdict(step.same, "same", "failed")]);
        }
    }
    table.render()
}

fn shown(digest: &str) -> String {
    if digest.is_empty() { "-".to_owned() } else { format::digest(digest) }
}

fn word(step: ReproductionStep) -> &'static str {
    match step {
        ReproductionStep::Unspecified => "unknown",
        ReproductionStep::Load => "load",
        ReproductionStep::Split => "split",
        ReproductionStep::Features => "features",
        ReproductionStep::Fit => "fit",
        ReproductionStep::Bundle => "bundle",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(letter: &str) -> String {
        format!("sha256:{}", letter.repeat(64))
    }

    fn step(step: ReproductionStep, found: &str, problem: &str) -> StepVerdict {
        let (recorded, found) = (digest("a"), digest(found));
        let comparison = DigestComparison { subject: "model.json".into(), same: recorded == found, recorded, found };
        StepVerdict {
            step: step.into(),
            same: comparison.same && problem.is_empty(),
            comparisons: vec![comparison],
            problem: problem.to_owned(),
        }
    }

    #[test]
    fn a_difference_is_told_with_its_step_and_what_it_may_come_from() {
        // F94
        let mut reproduction = Reproduction {
            model: "churn".to_owned(),
            number: 3,
            done: true,
            verdicts: vec![step(ReproductionStep::Load, "a", ""), step(ReproductionStep::Fit, "b", "")],
            differs_at: ReproductionStep::Fit.into(),
            code_differences: vec!["lineal was 0.1.0, here it is 0.2.0".to_owned()],
            ..Reproduction::default()
        };
        let shown = render(&reproduction, Style::default());
        for told in [
            "churn 3 is not reproduced: it differs from step fit on\n",
            "possible cause  lineal was 0.1.0, here it is 0.2.0",
            "load  model.json",
            "same\n",
            "differs\n",
            "next: lineal explain churn/3",
        ] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        (reproduction.reproduced, reproduction.differs_at) = (true, 0);
        reproduction.verdicts.truncate(1);
        let shown = render(&reproduction, Style::default());
        assert!(shown.starts_with("churn 3 is reproduced bit for bit\n") && !shown.contains("next:"), "{shown}");
    }

    #[test]
    fn a_step_that_failed_says_why() {
        let mut failed = step(ReproductionStep::Load, "", "artifact is damaged");
        failed.comparisons[0].found = String::new();
        let reproduction = Reproduction { done: true, verdicts: vec![failed], ..Reproduction::default() };
        let shown = render(&reproduction, Style::default());
        assert!(shown.contains("problem  artifact is damaged") && shown.contains("  -  "), "{shown}");
    }
}
