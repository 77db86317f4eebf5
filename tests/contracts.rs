//! What every contract must have: permissions, comments, pages, names.

#![allow(clippy::unwrap_used, reason = "a helper of tests that cannot go on fails its test")]

use lineal_proto::{DESCRIPTOR, permission_of};
use prost_reflect::{DescriptorPool, FileDescriptor, MethodDescriptor};

fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTOR).unwrap()
}

fn methods(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    let ours = pool.services().filter(|service| service.full_name().starts_with("lineal."));
    let methods: Vec<_> = ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    assert!(methods.len() > 40, "only {} methods seen", methods.len());
    methods
}

/// Whether the element at `path` of its file has a comment before it.
fn commented(file: &FileDescriptor, path: &[i32]) -> bool {
    let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
    info.location.iter().any(|location| {
        location.path == path && location.leading_comments.as_ref().is_some_and(|text| !text.trim().is_empty())
    })
}

#[test]
fn every_rpc_declares_its_permission() {
    for method in methods(&pool()) {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        assert!(permission_of(&path).is_some(), "{path} declares no permission");
    }
}

#[test]
fn every_rpc_and_message_says_what_it_is() {
    let pool = pool();
    for method in methods(&pool) {
        assert!(commented(&method.parent_file(), method.path()), "{} has no comment", method.full_name());
    }
    for message in pool.all_messages().filter(|message| message.full_name().starts_with("lineal.")) {
        let wrapper = message.name().ends_with("Request") || message.name().ends_with("Response");
        let fine = wrapper || message.is_map_entry() || commented(&message.parent_file(), message.path());
        assert!(fine, "{} has no comment", message.full_name());
    }
}

#[test]
fn every_rpc_has_messages_of_its_own() {
    for method in methods(&pool()) {
        assert_eq!(method.input().name(), format!("{}Request", method.name()), "{}", method.full_name());
        assert_eq!(method.output().name(), format!("{}Response", method.name()), "{}", method.full_name());
    }
}

#[test]
fn every_listing_has_pages() {
    let listings: Vec<_> = methods(&pool()).into_iter().filter(|method| method.name().starts_with("List")).collect();
    assert!(listings.len() >= 10);
    // There are as many families as files in a folder.
    for method in listings.into_iter().filter(|method| method.name() != "ListFamilies") {
        for field in ["page_size", "page_token"] {
            assert!(method.input().get_field_by_name(field).is_some(), "{} has no {field}", method.full_name());
        }
        assert!(method.output().get_field_by_name("next_page_token").is_some(), "{}", method.full_name());
    }
}

#[test]
fn every_enum_begins_unspecified_and_carries_its_name() {
    let ours: Vec<_> = pool().all_enums().filter(|kind| kind.full_name().starts_with("lineal.")).collect();
    assert!(ours.len() >= 8);
    for kind in ours {
        let mut prefix = String::new();
        for c in kind.name().chars() {
            if c.is_uppercase() && !prefix.is_empty() {
                prefix.push('_');
            }
            prefix.extend(c.to_uppercase());
        }
        let zero = kind.get_value(0).unwrap();
        assert_eq!(zero.name(), format!("{prefix}_UNSPECIFIED"));
        assert!(kind.values().all(|value| value.name().starts_with(&prefix)), "{}", kind.full_name());
    }
}

#[test]
fn settings_are_called_as_in_the_requests_they_go_into() {
    // F88
    let pool = pool();
    let message = |name: &str| pool.get_message_by_name(&format!("lineal.{name}")).unwrap();
    // A table in the file, a list in the request; words in the one, numbers in the other.
    let other_kind = ["limits", "task"];
    for (settings, request) in [
        ("registry.v1.TrainingSettings", "trainer.v1.JobSpec"),
        ("registry.v1.ValidationSettings", "validator.v1.Policy"),
        ("registry.v1.ScoringSettings", "inference.v1.ScoreRequest"),
    ] {
        let (settings, request) = (message(settings), message(request));
        assert!(settings.fields().len() >= 3);
        for field in settings.fields() {
            let place = if field.name() == "dataset" { message("trainer.v1.DataSource") } else { request.clone() };
            let same = place.get_field_by_name(field.name());
            let same = same.unwrap_or_else(|| panic!("{} has no {}", place.full_name(), field.name()));
            if !other_kind.contains(&field.name()) && !field.is_map() {
                assert_eq!((field.kind(), field.is_list()), (same.kind(), same.is_list()), "{}", field.full_name());
            }
        }
    }
}
