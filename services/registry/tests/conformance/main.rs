//! What every registry store promises, whichever database keeps it. A new database adds one `suite!` line.

#![allow(clippy::unwrap_used, reason = "a case that cannot go on ends its test")]

mod aliases;
mod audit;
mod fixture;
mod models;
mod promotions;
mod races;
mod replicas;
mod runs;
mod schema;
mod snapshots;
mod versions;

/// One test per case, each on a store of its own that `$open` makes: an async closure to a store and what keeps it alive.
macro_rules! suite {
    ($backend:ident, $open:expr) => {
        suite! { $backend, $open;
            models {
                a_name_is_taken_once
                models_are_listed_by_name
                tenants_do_not_see_each_other
            }
            versions {
                numbers_have_no_gaps_under_concurrent_registrations
                a_failed_registration_takes_no_number
                labels_are_unique_within_one_second
                a_model_groups_its_versions
                a_version_reads_back_as_it_was_written
                a_label_or_a_digest_finds_its_version
                a_passed_verdict_validates_and_a_later_failed_one_takes_nothing_back
                each_slot_keeps_its_own_latest_verdict
                a_report_is_stored_once
            }
            aliases {
                an_alias_moves_only_from_the_revision_that_was_seen
                an_alias_points_at_versions_that_exist
                aliases_are_listed_by_slot_and_name
            }
            promotions {
                a_commit_moves_everything_at_once
                a_commit_against_another_champion_changes_nothing
                a_commit_that_fails_at_its_last_step_changes_nothing
                a_promotion_commits_once
                generations_have_no_gap_across_slots
                a_demotion_leaves_the_slot_empty
                history_tells_who_was_champion_when
                a_promotion_moves_from_the_state_it_was_left_in
                promotions_are_listed_newest_first
            }
            races {
                readers_never_see_zero_or_two_champions
                a_serving_table_belongs_to_its_generation
            }
            runs {
                a_run_changes_only_from_what_was_seen
                runs_are_listed_newest_first
            }
            snapshots {
                a_snapshot_is_recorded_once
                snapshots_of_one_moment_are_all_listed
            }
            replicas {
                a_lease_is_taken_renewed_and_given_back
                replicas_are_listed_by_name
            }
            audit {
                sequences_have_no_gap_and_the_newest_comes_first
                a_request_is_recorded_once_per_action
            }
        }
    };
    ($backend:ident, $open:expr; $($noun:ident { $($case:ident)+ })+) => {
        mod $backend {
            $(mod $noun {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (store, _alive) = $open().await;
                    crate::$noun::$case(&store).await;
                    store.close().await;
                })+
            })+
        }
    };
}

suite!(sqlite, crate::fixture::sqlite);
suite!(postgres, crate::fixture::postgres);
