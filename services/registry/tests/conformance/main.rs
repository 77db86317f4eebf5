//! What every registry store promises, whichever database keeps it. A new database adds one `suite!` line.

#![allow(clippy::unwrap_used, reason = "a case that cannot go on ends its test")]

mod aliases;
mod audit;
mod bakes;
mod checks;
mod comparisons;
mod environment;
mod experiments;
mod fixture;
mod history;
mod lineage;
mod metrics;
mod models;
mod outbox;
mod performance;
mod plans;
mod promotions;
mod races;
mod replicas;
mod runs;
mod schema;
mod scoring_batches;
mod seal;
mod search;
mod settings;
mod signatures;
mod snapshots;
mod stories;
mod upgrade;
mod usage;
mod version_search;
mod versions;

/// One test per case, each on a store of its own that `$open` makes: an async closure to a store and what keeps it alive.
macro_rules! suite {
    ($backend:ident, $open:expr) => {
        suite! { $backend, $open;
            models {
                a_name_is_taken_once
                models_are_listed_by_name
                tenants_do_not_see_each_other
                a_model_shows_its_champions_and_its_last_run
                a_model_changes_only_from_what_was_seen
            }
            versions {
                numbers_have_no_gaps_under_concurrent_registrations
                a_failed_registration_takes_no_number
                labels_are_unique_within_one_second
                a_model_groups_its_versions
                a_version_reads_back_as_it_was_written
                a_label_or_a_digest_finds_its_version
                a_passed_verdict_validates_and_a_later_failed_one_takes_nothing_back
                a_version_fails_for_good_unless_it_reigns
                each_slot_keeps_its_own_latest_verdict
                a_report_is_stored_once
                a_version_changes_only_from_what_was_seen
            }
            signatures {
                a_key_signs_a_bundle_once_and_its_signature_reads_back
                signatures_are_listed_by_key
            }
            settings {
                a_revision_is_taken_once_and_reads_back_as_it_was_written
                history_is_listed_newest_first
            }
            version_search {
                every_comparison_finds_its_versions
                metadata_is_found_by_the_keys_that_lead_to_it
                every_order_of_versions_is_whole_in_pages
                the_best_five_of_twenty_come_in_order_and_ties_by_age
                words_for_people_are_the_same_in_searches_and_in_hand
                all_models_are_searched_at_once
            }
            aliases {
                an_alias_moves_only_from_the_revision_that_was_seen
                an_alias_points_at_versions_that_exist
                an_alias_is_read_with_what_it_points_at
                aliases_are_listed_by_slot_and_name
                every_alias_is_served_at_its_generations
                parts_of_the_requests_are_kept_and_never_exceed_all_of_them
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
                a_promotion_is_found_by_the_key_of_its_call
            }
            stories {
                events_are_kept_once_and_in_order
                a_story_ends_with_its_promotion
                what_a_commit_did_not_do_is_not_told
            }
            lineage {
                steps_are_found_from_both_ends
                a_run_finds_what_it_made
            }
            history {
                every_moment_has_one_occupant
                reigns_are_listed_latest_first
            }
            outbox {
                messages_wait_in_order_until_they_are_delivered
                a_refusal_tells_nobody
                what_is_too_much_is_given_up_and_counted
            }
            environment {
                a_database_belongs_to_the_first_environment
            }
            races {
                readers_never_see_zero_or_two_champions
                a_serving_table_belongs_to_its_generation
            }
            experiments {
                a_name_is_one_experiment
                an_experiment_changes_only_from_what_was_seen
                a_deleted_experiment_takes_no_runs
                experiments_are_listed_by_name_and_stage
            }
            runs {
                a_run_reads_back_as_it_was_written
                a_run_changes_only_from_what_was_seen
                a_batch_is_kept_whole_or_not_at_all
                concurrent_batches_of_one_run_lose_nothing
                a_deleted_run_is_kept_and_comes_back
                tags_of_a_finished_run_are_set_and_taken_away
                runs_are_listed_newest_first
            }
            metrics {
                points_come_back_in_order_of_step_then_time
                the_latest_point_has_the_highest_step_and_there_the_latest_time
                what_is_not_finite_is_kept
                a_thousand_points_are_one_batch_and_sent_twice_kept_once
            }
            search {
                every_comparison_of_numbers_finds_its_runs
                every_comparison_of_texts_finds_its_runs
                every_order_is_whole_in_pages
                experiments_statuses_and_stages_narrow_a_search
            }
            snapshots {
                a_snapshot_is_recorded_once
                snapshots_of_one_moment_are_all_listed
            }
            checks {
                the_latest_check_of_a_bundle_is_kept
                a_round_of_checks_is_taken_once
                the_last_reign_of_each_version_in_each_slot_is_found
            }
            replicas {
                a_lease_is_taken_renewed_and_given_back
                answers_renew_leases_and_take_no_generation_back
                replicas_are_listed_by_name
            }
            usage {
                the_highest_count_of_each_process_counts
                counts_of_unknown_versions_are_left_out
                folding_keeps_the_sums_and_late_reports_change_nothing
            }
            performance {
                a_window_holds_its_points_in_order
                a_point_of_the_same_moment_is_replaced_and_odd_values_are_kept
                buckets_sum_up_what_is_finite
                whole_months_are_dropped
                writers_of_a_new_month_do_not_hinder_each_other
            }
            comparisons {
                a_report_has_one_comparison_which_reads_back_as_it_was_written
                comparisons_are_listed_newest_first_and_by_pair
            }
            scoring_batches {
                a_batch_is_kept_once_and_reads_back_as_it_was_written
                batches_are_listed_newest_first_and_by_slot
            }
            bakes {
                a_bake_begins_with_the_commit_and_ends_once
            }
            audit {
                sequences_have_no_gap_and_the_newest_comes_first
                a_request_is_recorded_once_per_action
                every_condition_narrows_the_audit
                the_seal_holds_under_concurrent_writers
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
