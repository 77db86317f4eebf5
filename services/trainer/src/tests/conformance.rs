//! What every trainer store promises, whichever database keeps it.

/// One test per case, each on a laboratory of its own.
macro_rules! suite {
    ($backend:ident, $open:expr; $($noun:ident { $($case:ident)+ })+) => {
        mod $backend {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let lab = $open.await;
                crate::tests::$noun::$case(&lab).await;
                lab.app.close().await;
            })+)+
        }
    };
    ($backend:ident, $open:expr) => {
        suite! { $backend, $open;
            queue {
                a_worker_changes_only_a_running_job
                stopping_depends_on_the_state
                a_job_is_claimed_once_and_the_oldest_first
                a_void_lease_writes_nothing
                a_sign_of_life_keeps_a_job
                a_lost_job_is_tried_as_often_as_it_may
                a_lost_job_that_was_to_be_cancelled_is_cancelled
                a_version_is_not_prepared_once_someone_asked_to_stop
                events_have_no_gaps_however_many_write_at_once
                every_attempt_is_kept
                a_run_stays_open_until_it_is_closed
                a_job_that_cannot_be_read_holds_up_no_other
                a_metric_that_is_not_finite_hides_no_job
                a_nul_is_found_nowhere_and_stops_no_job
            }
            datasets {
                a_split_keeps_its_first_rule
                the_latest_expectations_are_in_force
                reports_are_listed_newest_first
            }
            feature_sets {
                a_feature_set_keeps_its_first_meaning
                what_a_job_inferred_can_be_created_later
            }
            imports {
                an_import_is_kept_once_and_found_again
            }
            waiting {
                greater_priorities_go_first
                a_suspended_job_keeps_its_place
                a_job_that_is_resumed_while_it_stops_is_queued
                no_job_starts_before_its_time
                a_job_that_waits_too_long_fails
                a_model_never_runs_more_jobs_than_its_limit
                a_node_has_one_active_job
                jobs_are_found_by_every_filter
            }
            pipeline_store {
                a_pipeline_is_kept_once
                a_pipeline_has_one_run_under_way
                a_run_is_not_resumed_beside_another
                only_the_holder_of_a_run_writes_it
                a_run_is_taken_over_once_its_lease_has_ended
                a_cancelled_run_is_told_to_its_holder
                an_ended_run_is_resumed_once
                results_are_found_by_their_key_while_they_are_young_enough
            }
        }
    };
}

suite!(sqlite, crate::tests::lab::Lab::new());
suite!(postgres, crate::tests::lab::Lab::postgres());
