//! The nodes of a graph: known operators in an order that can be run, and nothing that runs without end.

use std::collections::{HashMap, HashSet};

use super::{
    OnnxError,
    error::shown,
    tensors::{Tensor, tensor, times},
    wire::{Budget, Value},
};

/// Most graphs inside each other.
const MAX_DEPTH: usize = 8;
/// Most values that a constant shape may ask for.
const MAX_VALUES: u64 = 1 << 24;
/// Whose operators there may be.
const DOMAINS: [&str; 3] = ["", "ai.onnx", "ai.onnx.ml"];
/// Operators that make a tensor of a size that one of their inputs, by its position, tells.
const GROWING: [(&str, usize); 4] = [("ConstantOfShape", 0), ("Expand", 1), ("Tile", 1), ("Range", 1)];

/// The parts of a graph's message.
#[derive(Default)]
pub(super) struct Parts<'a> {
    nodes: Vec<&'a [u8]>,
    tensors: Vec<&'a [u8]>,
    pub(super) inputs: Vec<&'a [u8]>,
    pub(super) outputs: Vec<&'a [u8]>,
}

/// What is known inside a graph, and in those around it.
struct Scope<'a, 'o> {
    names: HashSet<&'a str>,
    /// How many values small constants ask for as a shape.
    shapes: HashMap<&'a str, u64>,
    outer: Option<&'o Scope<'a, 'o>>,
    depth: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn of(graph: &'a [u8], budget: &mut Budget) -> Result<Self, OnnxError> {
        let mut parts = Self::default();
        let mut skipped = Vec::new();
        for field in budget.part(graph)? {
            match field? {
                (1, node) => parts.nodes.push(node.bytes()?),
                (5, tensor) => parts.tensors.push(tensor.bytes()?),
                (11, input) => parts.inputs.push(input.bytes()?),
                (12, output) => parts.outputs.push(output.bytes()?),
                (13 | 14 | 16, other) => skipped.push(other.bytes()?),
                (15, _) => {
                    return Err(OnnxError::Unsupported { what: "a sparse tensor", instead: "export dense ones" });
                }
                _ => {}
            }
        }
        skipped.into_iter().try_for_each(|part| budget.skip(part))?;
        Ok(parts)
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Checks every node and tensor; returns the names of the tensors.
    pub(super) fn check(&self, budget: &mut Budget) -> Result<HashSet<&'a str>, OnnxError> {
        let mut scope = Scope { names: HashSet::new(), shapes: HashMap::new(), outer: None, depth: 0 };
        let constants = scope.constants(self, budget)?;
        scope.run(self, budget)?;
        Ok(constants)
    }
}

impl<'a> Scope<'a, '_> {
    fn knows(&self, name: &str) -> bool {
        self.names.contains(name) || self.outer.is_some_and(|outer| outer.knows(name))
    }

    fn shape(&self, name: &str) -> Option<u64> {
        self.shapes.get(name).copied().or_else(|| self.outer?.shape(name))
    }

    fn add(&mut self, name: &'a str) -> Result<(), OnnxError> {
        if self.names.insert(name) { Ok(()) } else { Err(OnnxError::Duplicate { value: shown(name) }) }
    }

    fn remember(&mut self, name: &'a str, tensor: &Tensor<'_>) {
        self.shapes.extend(tensor.product.map(|product| (name, product)));
    }

    fn constants(&mut self, parts: &Parts<'a>, budget: &mut Budget) -> Result<HashSet<&'a str>, OnnxError> {
        for bytes in &parts.tensors {
            let tensor = tensor(bytes, budget)?;
            self.add(tensor.name)?;
            self.remember(tensor.name, &tensor);
        }
        Ok(self.names.clone())
    }

    fn run(&mut self, parts: &Parts<'a>, budget: &mut Budget) -> Result<(), OnnxError> {
        for input in &parts.inputs {
            // An old file lists its constants among the inputs, too.
            self.names.insert(name(input, budget)?);
        }
        for node in &parts.nodes {
            self.node(node, budget)?;
        }
        for output in &parts.outputs {
            let output = name(output, budget)?;
            if !self.knows(output) {
                return Err(OnnxError::Order { node: "output".to_owned(), value: shown(output) });
            }
        }
        Ok(())
    }

    fn node(&mut self, bytes: &'a [u8], budget: &mut Budget) -> Result<(), OnnxError> {
        let (mut inputs, mut outputs, mut attributes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut called, mut operator, mut domain) = ("", "", "");
        for field in budget.part(bytes)? {
            match field? {
                (1, value) => inputs.push(value.text()?),
                (2, value) => outputs.push(value.text()?),
                (3, value) => called = value.text()?,
                (4, value) => operator = value.text()?,
                (5, value) => attributes.push(value.bytes()?),
                (7, value) => domain = value.text()?,
                _ => {}
            }
        }
        if !DOMAINS.contains(&domain) {
            return Err(OnnxError::Domain { domain: shown(domain), operator: shown(operator) });
        }
        match operator {
            "ZipMap" => return Err(OnnxError::ZipMap),
            "Loop" => {
                let instead = "export the model without loops, or unrolled";
                return Err(OnnxError::Unsupported { what: "a loop, which may never end,", instead });
            }
            _ => {}
        }
        if let Some(value) = inputs.iter().find(|value| !value.is_empty() && !self.knows(value)) {
            let node = if called.is_empty() { operator } else { called };
            return Err(OnnxError::Order { node: shown(node), value: shown(value) });
        }
        let asked = GROWING.iter().filter(|(known, _)| *known == operator).filter_map(|(_, at)| inputs.get(*at));
        if asked.filter_map(|shape| self.shape(shape)).any(|values| values > MAX_VALUES) {
            return Err(OnnxError::Huge { operator: shown(operator), limit: MAX_VALUES });
        }
        let constant = outputs.first().copied().filter(|_| operator == "Constant");
        for attribute in attributes {
            self.attribute(attribute, constant, budget)?;
        }
        outputs.into_iter().filter(|output| !output.is_empty()).try_for_each(|output| self.add(output))
    }

    /// Checks what an attribute holds; `constant` is what it is the value of.
    fn attribute(&mut self, bytes: &'a [u8], constant: Option<&'a str>, budget: &mut Budget) -> Result<(), OnnxError> {
        let (mut tensors, mut graphs, mut product) = (Vec::new(), Vec::new(), None);
        for field in budget.part(bytes)? {
            match field? {
                (3 | 8, Value::Number(number)) if constant.is_some() => {
                    product = Some(times(product.unwrap_or(1), number as i64));
                }
                (5 | 10, value) => tensors.push(value.bytes()?),
                (6 | 11, value) => graphs.push(value.bytes()?),
                (22 | 23, _) => {
                    return Err(OnnxError::Unsupported { what: "a sparse tensor", instead: "export dense ones" });
                }
                _ => {}
            }
        }
        for bytes in tensors {
            let tensor = tensor(bytes, budget)?;
            product = product.or(tensor.product);
        }
        if let (Some(name), Some(product)) = (constant, product) {
            self.shapes.insert(name, product);
        }
        graphs.into_iter().try_for_each(|graph| self.inside(graph, budget))
    }

    /// Checks a graph inside this one, which sees what is known so far.
    fn inside(&self, graph: &'a [u8], budget: &mut Budget) -> Result<(), OnnxError> {
        if self.depth == MAX_DEPTH {
            return Err(OnnxError::Deep { limit: MAX_DEPTH });
        }
        let parts = Parts::of(graph, budget)?;
        let mut scope =
            Scope { names: HashSet::new(), shapes: HashMap::new(), outer: Some(self), depth: self.depth + 1 };
        scope.constants(&parts, budget)?;
        scope.run(&parts, budget)
    }
}

/// The name of an input or output.
fn name<'a>(bytes: &'a [u8], budget: &mut Budget) -> Result<&'a str, OnnxError> {
    let mut name = "";
    for field in budget.part(bytes)? {
        if let (1, value) = field? {
            name = value.text()?;
        }
    }
    Ok(name)
}
