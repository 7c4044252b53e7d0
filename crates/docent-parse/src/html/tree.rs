//! The tree that html5ever builds: elements and text in one vector, linked by numbers, so that neither depth nor shape can
//! exhaust a stack.
//!
//! The parser follows the living standard, which repairs any input, and repairing can multiply it: unclosed formatting is
//! opened again in every paragraph. So the source is fed in pieces, and between two pieces the tree is looked at.

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, ParseOpts, QualName, local_name, ns, parse_document, parse_fragment};
use std::borrow::Cow;
use std::cell::{Ref, RefCell};
use std::num::NonZeroU32;

/// Bytes that are parsed before the tree is looked at again.
const PIECE: usize = 4 << 10;
/// Elements and texts a page may have.
const NODES_MAX: usize = 1_000_000;
/// Elements a page may nest. Browsers stop at 512.
const DEPTH_MAX: u32 = 2_000;

/// A node's place, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(NonZeroU32);

/// What a node is.
pub(crate) enum Content {
    Text(StrTendril),
    Element(Element),
    /// Documents, comments and whatever else shows nothing.
    Other,
}

pub(crate) struct Element {
    name: QualName,
    attributes: Vec<Attribute>,
    /// What stands in a template: the root of a tree that is not part of this one.
    template: Option<Id>,
}

impl Element {
    pub(crate) fn name(&self) -> &str {
        &self.name.local
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
    }
}

struct Node {
    content: Content,
    depth: u32,
    parent: Option<Id>,
    before: Option<Id>,
    behind: Option<Id>,
    first: Option<Id>,
    last: Option<Id>,
}

/// A parsed page.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    root: Id,
    deepest: u32,
    /// Stands in for the name of what has none; the parser never asks.
    nameless: QualName,
}

/// Why a page is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMuch {
    Depth,
    Nodes,
}

impl TooMuch {
    pub(crate) fn sentence(self) -> String {
        match self {
            Self::Depth => format!("the page nests more than {DEPTH_MAX} elements inside each other"),
            Self::Nodes => format!("the page has more than {NODES_MAX} elements, counting those it fails to close"),
        }
    }
}

impl Tree {
    /// Parses a whole page.
    pub(crate) fn document(source: &str) -> Result<Self, TooMuch> {
        feed(parse_document(Builder::new(), ParseOpts::default()), source)
    }

    /// Parses what could stand inside a page's body.
    pub(crate) fn fragment(source: &str) -> Result<Self, TooMuch> {
        let body = QualName::new(None, ns!(html), local_name!("body"));
        feed(parse_fragment(Builder::new(), ParseOpts::default(), body, Vec::new(), true), source)
    }

    /// Visits all nodes in the order of the page, elements at their beginning and at their end. A visitor that answers
    /// false at the beginning of an element is spared its content and its end.
    pub(crate) fn walk(&self, mut visit: impl FnMut(&Content, Edge) -> bool) {
        let mut next = self.node(self.root).first;
        while let Some(id) = next {
            let node = self.node(id);
            let inside = visit(&node.content, Edge::Open);
            if inside && node.first.is_some() {
                next = node.first;
                continue;
            }
            if inside {
                visit(&node.content, Edge::Close);
            }
            next = self.after(id, &mut visit);
        }
    }

    /// What follows a node and all in it; elements that end there are visited.
    fn after(&self, id: Id, visit: &mut impl FnMut(&Content, Edge) -> bool) -> Option<Id> {
        let mut at = self.node(id);
        loop {
            if at.behind.is_some() {
                return at.behind;
            }
            let parent = at.parent.filter(|parent| *parent != self.root)?;
            at = self.node(parent);
            visit(&at.content, Edge::Close);
        }
    }

    fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0.get() as usize - 1]
    }

    fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.0.get() as usize - 1]
    }

    fn add(&mut self, content: Content) -> Id {
        self.nodes.push(Node { content, depth: 0, parent: None, before: None, behind: None, first: None, last: None });
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        Id(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }

    fn check(&self) -> Result<(), TooMuch> {
        match () {
            () if self.deepest > DEPTH_MAX => Err(TooMuch::Depth),
            () if self.nodes.len() > NODES_MAX => Err(TooMuch::Nodes),
            () => Ok(()),
        }
    }

    fn detach(&mut self, id: Id) {
        let Node { parent, before, behind, .. } = *self.node(id);
        if let Some(before) = before {
            self.node_mut(before).behind = behind;
        } else if let Some(parent) = parent {
            self.node_mut(parent).first = behind;
        }
        if let Some(behind) = behind {
            self.node_mut(behind).before = before;
        } else if let Some(parent) = parent {
            self.node_mut(parent).last = before;
        }
        let node = self.node_mut(id);
        (node.parent, node.before, node.behind) = (None, None, None);
    }

    /// Puts a node under `parent`, in front of `behind` or last.
    fn insert(&mut self, id: Id, parent: Id, behind: Option<Id>) {
        self.detach(id);
        let before = behind.map_or(self.node(parent).last, |behind| self.node(behind).before);
        let depth = self.node(parent).depth + 1;
        self.deepest = self.deepest.max(depth);
        let node = self.node_mut(id);
        (node.parent, node.before, node.behind, node.depth) = (Some(parent), before, behind, depth);
        match before {
            Some(before) => self.node_mut(before).behind = Some(id),
            None => self.node_mut(parent).first = Some(id),
        }
        match behind {
            Some(behind) => self.node_mut(behind).before = Some(id),
            None => self.node_mut(parent).last = Some(id),
        }
    }

    fn place(&mut self, child: NodeOrText<Id>, parent: Id, behind: Option<Id>) {
        let text = match child {
            NodeOrText::AppendNode(id) => return self.insert(id, parent, behind),
            NodeOrText::AppendText(text) => text,
        };
        let neighbour = behind.map_or(self.node(parent).last, |behind| self.node(behind).before);
        if let Some(neighbour) = neighbour
            && let Content::Text(before) = &mut self.node_mut(neighbour).content
        {
            return before.push_tendril(&text);
        }
        let id = self.add(Content::Text(text));
        self.insert(id, parent, behind);
    }
}

/// Where the walk stands at an element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Open,
    Close,
}

fn feed(mut parser: html5ever::Parser<Builder>, source: &str) -> Result<Tree, TooMuch> {
    let mut rest = source;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE));
        parser.process(StrTendril::from_slice(piece));
        parser.tokenizer.sink.sink.0.borrow().check()?;
        rest = behind;
    }
    let tree = parser.finish();
    tree.check()?;
    Ok(tree)
}

/// The parser's view of the tree; it changes it through shared references.
struct Builder(RefCell<Tree>);

impl Builder {
    fn new() -> Self {
        let nameless = QualName::new(None, ns!(), local_name!(""));
        let mut tree = Tree { nodes: Vec::new(), root: Id(NonZeroU32::MIN), deepest: 0, nameless };
        tree.root = tree.add(Content::Other);
        Self(RefCell::new(tree))
    }
}

impl TreeSink for Builder {
    type Handle = Id;
    type Output = Tree;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Tree {
        self.0.into_inner()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn get_document(&self) -> Id {
        self.0.borrow().root
    }

    fn same_node(&self, x: &Id, y: &Id) -> bool {
        x == y
    }

    fn elem_name<'a>(&'a self, target: &'a Id) -> Ref<'a, QualName> {
        Ref::map(self.0.borrow(), |tree| match &tree.node(*target).content {
            Content::Element(element) => &element.name,
            Content::Text(_) | Content::Other => &tree.nameless,
        })
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Id {
        let mut tree = self.0.borrow_mut();
        let template = flags.template.then(|| tree.add(Content::Other));
        tree.add(Content::Element(Element { name, attributes, template }))
    }

    fn create_comment(&self, _: StrTendril) -> Id {
        self.0.borrow_mut().add(Content::Other)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Id {
        self.0.borrow_mut().add(Content::Other)
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn append(&self, parent: &Id, child: NodeOrText<Id>) {
        self.0.borrow_mut().place(child, *parent, None);
    }

    fn append_before_sibling(&self, sibling: &Id, child: NodeOrText<Id>) {
        let mut tree = self.0.borrow_mut();
        if let Some(parent) = tree.node(*sibling).parent {
            tree.place(child, parent, Some(*sibling));
        }
    }

    fn append_based_on_parent_node(&self, element: &Id, before: &Id, child: NodeOrText<Id>) {
        let has_parent = self.0.borrow().node(*element).parent.is_some();
        if has_parent { self.append_before_sibling(element, child) } else { self.append(before, child) }
    }

    fn remove_from_parent(&self, target: &Id) {
        self.0.borrow_mut().detach(*target);
    }

    fn reparent_children(&self, node: &Id, new_parent: &Id) {
        let mut tree = self.0.borrow_mut();
        while let Some(child) = tree.node(*node).first {
            tree.insert(child, *new_parent, None);
        }
    }

    fn add_attrs_if_missing(&self, target: &Id, attributes: Vec<Attribute>) {
        let mut tree = self.0.borrow_mut();
        let Content::Element(element) = &mut tree.node_mut(*target).content else { return };
        for attribute in attributes {
            if element.attributes.iter().all(|known| known.name != attribute.name) {
                element.attributes.push(attribute);
            }
        }
    }

    fn get_template_contents(&self, target: &Id) -> Id {
        let tree = self.0.borrow();
        match &tree.node(*target).content {
            Content::Element(Element { template: Some(template), .. }) => *template,
            _ => *target,
        }
    }
}
