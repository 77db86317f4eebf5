//! Models that other libraries exported as ONNX graphs, run by ONNX Runtime.
//!
//! The file is looked through before the engine sees it: what would read other files, run without end or fill the memory
//! is refused with a typed error, in time and memory that a small multiple of its size bounds.

mod engine;
mod error;
mod nodes;
mod tensors;
mod values;
mod wire;

pub use engine::find_onnxruntime;
pub use error::OnnxError;

pub(crate) use engine::OnnxModel;

use error::shown;
use nodes::Parts;
use tensors::{DOUBLE, FLOAT, INT32, INT64, STRING};
use wire::{Budget, Value, varint};

use crate::{Datatype, SignatureColumn};

/// Largest file, in bytes.
const MAX_FILE: usize = 256 << 20;
/// Most columns of all inputs.
const MAX_COLUMNS: usize = 1 << 16;
/// Most scores of a row.
const MAX_SCORES: usize = 1000;

/// A graph that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxGraph {
    /// Who wrote the file, with its version as far as it tells.
    pub producer: String,
    /// How many nodes the graph has.
    pub nodes: usize,
    /// How many numbers a row is answered with.
    pub scores: usize,
    inputs: Vec<Input>,
    output: String,
    /// Whether it takes one row at a time.
    single_rows: bool,
}

/// An input of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Input {
    name: String,
    kind: Kind,
    /// How many columns of a row it takes; `None` for one that is a plain list.
    columns: Option<usize>,
}

/// What an input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Double,
    Whole,
    Short,
    Texts,
}

/// A declared input or output: its element type, 0 if it is no tensor, and its dimensions, `None` where they are open.
struct Declared<'a> {
    name: &'a str,
    element: u64,
    dimensions: Option<Vec<Option<u64>>>,
}

impl OnnxGraph {
    /// Looks through a file.
    ///
    /// # Errors
    /// [`OnnxError`]: bytes that are no graph, or one that cannot be served.
    pub fn read(bytes: &[u8]) -> Result<Self, OnnxError> {
        if bytes.len() > MAX_FILE {
            return Err(OnnxError::TooLarge { bytes: bytes.len(), limit: MAX_FILE });
        }
        let mut budget = Budget::new();
        let (mut graph, mut producer, mut version, mut skipped) = (None, "", "", Vec::new());
        for field in budget.part(bytes)? {
            match field? {
                (2, value) => producer = value.text()?,
                (3, value) => version = value.text()?,
                (7, value) => graph = Some(value.bytes()?),
                (14, value) => skipped.push(value.bytes()?),
                (20, _) => {
                    return Err(OnnxError::Unsupported { what: "a training graph", instead: "export for inference" });
                }
                (25, _) => {
                    let instead = "inline them: `onnx.inliner.inline_local_functions(model)`";
                    return Err(OnnxError::Unsupported { what: "functions of the model's own", instead });
                }
                _ => {}
            }
        }
        skipped.into_iter().try_for_each(|part| budget.skip(part))?;
        let graph = graph.ok_or(OnnxError::malformed("it holds no graph"))?;
        let parts = Parts::of(graph, &mut budget)?;
        let constants = parts.check(&mut budget)?;
        let mut inputs = Vec::new();
        for bytes in &parts.inputs {
            let declared = declared(bytes, &mut budget)?;
            if !constants.contains(declared.name) {
                inputs.push(declared);
            }
        }
        let outputs = parts.outputs.iter().map(|bytes| declared(bytes, &mut budget)).collect::<Result<Vec<_>, _>>()?;
        let single_rows = inputs.iter().any(Declared::is_single_row);
        let (output, scores) = scores(&outputs)?;
        let inputs = inputs.into_iter().map(Input::new).collect::<Result<Vec<_>, _>>()?;
        let columns: usize = inputs.iter().map(|input| input.columns.unwrap_or(1)).sum();
        if !(1..=MAX_COLUMNS).contains(&columns) {
            return Err(OnnxError::TooMany { what: "columns, or none", limit: MAX_COLUMNS });
        }
        let producer = [shown(producer), shown(version)].join(" ").trim().to_owned();
        Ok(Self { producer, nodes: parts.node_count(), scores, inputs, output, single_rows })
    }

    /// Whether the first bytes may be those of a graph: the version of its format comes first.
    pub fn is_likely(bytes: &[u8]) -> bool {
        matches!(bytes, [0x08, 1..=0x7f, ..])
    }

    /// The columns it takes. Those of an input that takes several at once are called as `names` says from the front, and
    /// otherwise by the input's name and their place.
    pub fn columns(&self, names: &[String]) -> Vec<SignatureColumn> {
        let mut given = names.iter();
        let column = |name: String, kind: Kind| SignatureColumn { name, datatype: kind.datatype() };
        let mut columns = Vec::new();
        for Input { name, kind, columns: count } in &self.inputs {
            match count {
                None | Some(1) => columns.push(column(name.clone(), *kind)),
                Some(count) => columns.extend((0..*count).map(|place| {
                    let name = given.next().cloned().unwrap_or_else(|| format!("{name}_{place}"));
                    column(name, *kind)
                })),
            }
        }
        columns
    }

    /// How many columns have no name of their own.
    pub fn unnamed(&self) -> usize {
        self.inputs.iter().filter_map(|input| input.columns).filter(|columns| *columns > 1).sum()
    }
}

impl Kind {
    fn datatype(self) -> Datatype {
        if self == Self::Texts { Datatype::Bytes } else { Datatype::Fp64 }
    }
}

impl Input {
    fn new(declared: Declared<'_>) -> Result<Self, OnnxError> {
        let problem = |problem| OnnxError::Input { input: shown(declared.name), problem };
        let kind = match declared.element {
            FLOAT => Kind::Single,
            DOUBLE => Kind::Double,
            INT64 => Kind::Whole,
            INT32 => Kind::Short,
            STRING => Kind::Texts,
            0 => return Err(problem("is no tensor")),
            _ => return Err(problem("is of a type other than float, double, int32, int64 and string")),
        };
        let columns = match declared.dimensions.as_deref() {
            Some([_]) => None,
            Some([_, Some(columns)]) => Some(usize::try_from(*columns).unwrap_or(usize::MAX).min(MAX_COLUMNS + 1)),
            Some([_, None]) => {
                return Err(problem("does not say how many columns it takes, export it with their number"));
            }
            _ => return Err(problem("must be a table of rows and columns, or a list")),
        };
        Ok(Self { name: declared.name.to_owned(), kind, columns })
    }
}

/// The one output with numbers, and how many a row has.
fn scores(outputs: &[Declared<'_>]) -> Result<(String, usize), OnnxError> {
    let names = || shown(&outputs.iter().map(|output| output.name).collect::<Vec<_>>().join(", "));
    let problem = |problem| OnnxError::Output { outputs: names(), problem };
    let mut numbers = outputs.iter().filter(|output| [FLOAT, DOUBLE].contains(&output.element));
    match (numbers.next(), numbers.next()) {
        (None, _) if outputs.iter().any(|output| output.element == 0) => Err(OnnxError::ZipMap),
        (None, _) => Err(problem("none is of type float or double, export probabilities or a number")),
        (Some(_), Some(_)) => Err(problem("several are of type float or double, export one")),
        (Some(output), None) => {
            let scores = match output.dimensions.as_deref() {
                Some([_]) => 1,
                Some([_, Some(scores)]) => usize::try_from(*scores).unwrap_or(usize::MAX),
                _ => return Err(problem("the shape must be rows and a fixed number of scores")),
            };
            if (1..=MAX_SCORES).contains(&scores) {
                Ok((output.name.to_owned(), scores))
            } else {
                Err(problem("a row has no score or too many"))
            }
        }
    }
}

impl Declared<'_> {
    /// Whether the number of rows is fixed, which exporters fix at 1.
    fn is_single_row(&self) -> bool {
        matches!(self.dimensions.as_deref(), Some([Some(_), ..]))
    }
}

/// Reads `name`, and of `type` the tensor's element type and shape.
fn declared<'a>(bytes: &'a [u8], budget: &mut Budget) -> Result<Declared<'a>, OnnxError> {
    let (mut name, mut element, mut dimensions) = ("", 0, None);
    let (mut kind, mut shape) = (&[][..], None);
    for field in budget.part(bytes)? {
        match field? {
            (1, value) => name = value.text()?,
            (2, value) => kind = value.bytes()?,
            _ => {}
        }
    }
    let tensor = inner(kind, 1, budget)?;
    for field in budget.part(tensor.unwrap_or_default())? {
        match field? {
            (1, value) => element = value.number()?,
            (2, value) => shape = Some(value.bytes()?),
            _ => {}
        }
    }
    if let Some(shape) = shape {
        let mut sizes = Vec::new();
        for field in budget.part(shape)? {
            if let (1, Value::Bytes(dimension)) = field? {
                sizes.push(size(dimension)?);
            }
        }
        dimensions = Some(sizes);
    }
    Ok(Declared { name, element, dimensions })
}

/// The message in field `number` of another.
fn inner<'a>(bytes: &'a [u8], number: u64, budget: &mut Budget) -> Result<Option<&'a [u8]>, OnnxError> {
    for field in budget.part(bytes)? {
        let (found, value) = field?;
        if found == number {
            return value.bytes().map(Some);
        }
    }
    Ok(None)
}

/// A dimension that is fixed.
fn size(mut dimension: &[u8]) -> Result<Option<u64>, OnnxError> {
    if dimension.first() != Some(&0x08) {
        return Ok(None);
    }
    dimension = &dimension[1..];
    varint(&mut dimension).map(|size| Some(size).filter(|size| *size > 0))
}
