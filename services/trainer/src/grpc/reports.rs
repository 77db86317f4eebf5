//! Expectations and reports on the wire.

use lineal_data::{
    Check, ColumnExpectation, ColumnStatistics, ColumnType, DataReport, Expectations, Freshness, NumberStatistics,
};
use lineal_proto::lineal::trainer::v1 as pb;

use crate::domain::ReportSummary;

/// What the caller expects; an unknown type is any.
pub(super) fn expected(expectations: pb::Expectations) -> Expectations {
    let column = |column: pb::ColumnExpectation| ColumnExpectation {
        column_type: wanted(column.r#type()),
        name: column.name,
        optional: column.optional,
        min: column.min,
        max: column.max,
        allowed: Some(column.allowed).filter(|allowed| !allowed.is_empty()),
        max_null_share: column.max_null_share,
        unique: column.unique,
    };
    Expectations {
        columns: expectations.columns.into_iter().map(column).collect(),
        min_rows: expectations.min_rows,
        key: expectations.key,
        max_duplicate_share: expectations.max_duplicate_share,
        freshness: expectations
            .freshness
            .map(|freshness| Freshness { column: freshness.column, max_age_seconds: freshness.max_age_seconds }),
    }
}

pub(super) fn expectations(expectations: Expectations) -> pb::Expectations {
    let column = |column: ColumnExpectation| pb::ColumnExpectation {
        name: column.name,
        optional: column.optional,
        r#type: column.column_type.map_or(pb::ColumnType::Unspecified, column_type).into(),
        min: column.min,
        max: column.max,
        allowed: column.allowed.unwrap_or_default(),
        max_null_share: column.max_null_share,
        unique: column.unique,
    };
    pb::Expectations {
        columns: expectations.columns.into_iter().map(column).collect(),
        min_rows: expectations.min_rows,
        key: expectations.key,
        max_duplicate_share: expectations.max_duplicate_share,
        freshness: expectations
            .freshness
            .map(|freshness| pb::Freshness { column: freshness.column, max_age_seconds: freshness.max_age_seconds }),
    }
}

/// A report without its columns and checks.
pub(super) fn summary(summary: ReportSummary) -> pb::DataReport {
    pb::DataReport {
        report_id: summary.id,
        dataset: summary.dataset.to_string(),
        digest: summary.digest.to_string(),
        source_digest: summary.source.to_string(),
        snapshot_digest: summary.snapshot.to_string(),
        rows: summary.rows,
        passed: summary.failed.is_empty(),
        failed_checks: summary.failed,
        create_time: Some(lineal_rpc::timestamp(summary.create_time)),
        ..pb::DataReport::default()
    }
}

/// A whole report.
pub(super) fn report(summary: ReportSummary, report: DataReport) -> pb::DataReport {
    let check = |check: Check| pb::DataCheck {
        name: check.name,
        column: check.column,
        passed: check.passed,
        expected: check.expected,
        found: check.found,
    };
    let source_rows = report.sampled_from.unwrap_or(report.rows);
    let sample = report.sample.map(|sample| pb::Sample { fraction: sample.fraction, seed: sample.seed, source_rows });
    pb::DataReport {
        columns: report.columns.into_iter().map(column).collect(),
        checks: report.checks.into_iter().map(check).collect(),
        sample,
        ..self::summary(summary)
    }
}

fn column(column: ColumnStatistics) -> pb::ColumnStatistics {
    let top = column.top.into_iter().map(|top| pb::ValueCount { value: top.value, count: top.count });
    pb::ColumnStatistics {
        name: column.name,
        r#type: column_type(column.column_type).into(),
        count: column.count,
        nulls: column.nulls,
        distinct: column.distinct,
        top: top.collect(),
        numbers: column.numbers.map(numbers),
    }
}

fn numbers(numbers: NumberStatistics) -> pb::NumberStatistics {
    let quantiles = numbers.quantiles.into_iter();
    let (edges, counts) = numbers.histogram.map(|histogram| (histogram.edges, histogram.counts)).unwrap_or_default();
    pb::NumberStatistics {
        min: numbers.min,
        max: numbers.max,
        mean: numbers.mean,
        sd: numbers.sd,
        infinite: numbers.infinite,
        quantiles: quantiles.map(|quantile| pb::Quantile { share: quantile.share, value: quantile.value }).collect(),
        edges,
        counts,
    }
}

fn column_type(column_type: ColumnType) -> pb::ColumnType {
    match column_type {
        ColumnType::Integer => pb::ColumnType::Integer,
        ColumnType::Float => pb::ColumnType::Float,
        ColumnType::Text => pb::ColumnType::Text,
        ColumnType::Boolean => pb::ColumnType::Boolean,
    }
}

fn wanted(column_type: pb::ColumnType) -> Option<ColumnType> {
    match column_type {
        pb::ColumnType::Unspecified => None,
        pb::ColumnType::Integer => Some(ColumnType::Integer),
        pb::ColumnType::Float => Some(ColumnType::Float),
        pb::ColumnType::Text => Some(ColumnType::Text),
        pb::ColumnType::Boolean => Some(ColumnType::Boolean),
    }
}
