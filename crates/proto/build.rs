//! Compiles the contracts in `proto/` without a system `protoc`, and writes the table of permissions that they declare.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use prost::Message as _;
use prost_reflect::{DescriptorPool, Value};
use prost_types::FileDescriptorProto;
use tonic_prost_build::FileDescriptorSet;

const ROOT: &str = "../../proto";
const FILES: &[&str] = &[
    "inference/grpc_service.proto",
    "inference/model_config.proto",
    "lineal/types/v1/authz.proto",
    "lineal/registry/v1/aliases.proto",
    "lineal/registry/v1/artifacts.proto",
    "lineal/registry/v1/audit.proto",
    "lineal/registry/v1/blocks.proto",
    "lineal/registry/v1/cards.proto",
    "lineal/registry/v1/comparisons.proto",
    "lineal/registry/v1/datasets.proto",
    "lineal/registry/v1/experiments.proto",
    "lineal/registry/v1/history.proto",
    "lineal/registry/v1/lineage.proto",
    "lineal/registry/v1/models.proto",
    "lineal/registry/v1/performance.proto",
    "lineal/registry/v1/promotions.proto",
    "lineal/registry/v1/replicas.proto",
    "lineal/registry/v1/runs.proto",
    "lineal/registry/v1/scoring_batches.proto",
    "lineal/registry/v1/settings.proto",
    "lineal/registry/v1/signatures.proto",
    "lineal/registry/v1/usage.proto",
    "lineal/registry/v1/versions.proto",
    "lineal/trainer/v1/datasets.proto",
    "lineal/trainer/v1/families.proto",
    "lineal/trainer/v1/feature_sets.proto",
    "lineal/trainer/v1/jobs.proto",
    "lineal/trainer/v1/pipelines.proto",
    "lineal/trainer/v1/reproductions.proto",
    "lineal/trainer/v1/sources.proto",
    "lineal/trainer/v1/splits.proto",
    "lineal/validator/v1/reports.proto",
    "lineal/inference/v1/batches.proto",
    "lineal/inference/v1/control.proto",
    "lineal/inference/v1/predictions.proto",
];

/// Packages whose messages carry rows.
const ROWS: &[&str] = &["inference", "lineal.inference.v1"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true);
    let files = compiler.open_files(FILES)?;
    let pool = files.descriptor_pool();
    let encoded = files.encode_file_descriptor_set();
    fs::write(out.join("descriptor.bin"), &encoded)?;
    fs::write(out.join("permissions.rs"), permissions(&pool)?)?;

    let files = FileDescriptorSet::decode(encoded.as_slice())?;
    // What carries rows comes from anybody.
    let (shared, own): (Vec<_>, Vec<_>) =
        files.file.into_iter().partition(|file| file.package().starts_with("google.protobuf"));
    let (rows, others): (Vec<_>, Vec<_>) = own.into_iter().partition(|file| ROWS.contains(&file.package()));
    generate([shared.clone(), rows].concat(), "crate::BoundedCodec")?;
    generate([shared, others].concat(), "tonic_prost::ProstCodec")?;
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .btree_map(["."])
        .preserve_proto_field_names()
        .out_dir(&out)
        .build(&[".lineal", ".inference"])?;
    Ok(())
}

fn generate(file: Vec<FileDescriptorProto>, codec: &str) -> Result<(), Box<dyn Error>> {
    tonic_prost_build::configure()
        .bytes(".inference")
        .bytes(".lineal.inference.v1")
        .bytes(".lineal.registry.v1")
        .btree_map(".")
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        .codec_path(codec)
        .compile_fds(FileDescriptorSet { file })?;
    Ok(())
}

/// One `("/package.Service/Method", Permission::X)` per RPC of ours that declares a permission.
fn permissions(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let authz = pool.get_extension_by_name("lineal.types.v1.authz").ok_or("the authz option is gone")?;
    let mut table = String::from("&[\n");
    for service in pool.services() {
        for method in service.methods() {
            let options = method.options();
            if !options.has_extension(&authz) {
                continue;
            }
            let Value::Message(rule) = options.get_extension(&authz).into_owned() else { continue };
            let permission = rule.get_field_by_name("permission").and_then(|value| value.as_enum_number()).unwrap_or(0);
            writeln!(table, "    (\"/{}/{}\", {permission}),", service.full_name(), method.name())?;
        }
    }
    table.push(']');
    Ok(table)
}
