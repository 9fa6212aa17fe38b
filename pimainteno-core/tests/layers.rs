//! Whether every import of core points down the list of layers in ARCHITECTURE.md, and none back
//! up.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as it does")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Attribute, ImplItemFn, ItemFn, ItemImpl, ItemMod, ItemUse, Macro, UseTree, Visibility,
    spanned::Spanned as _,
    visit::{self, Visit},
};

/// The line of ARCHITECTURE.md below which the table stands.
const HEADING: &str = "| layer | files | one line each |";

/// The names of modules from the crate's root on, and maybe of something in the last one.
type Names = Vec<String>;

/// A path in the code.
struct Mention {
    /// The module that it stands in.
    module: Names,
    names: Names,
    file: PathBuf,
    line: usize,
    /// Whether it makes a name known to others; what lies below a module may be made known by it.
    is_made_known: bool,
}

/// What all files of core mention, without their tests.
#[derive(Default)]
struct Core {
    /// The modules, with a file of their own or without.
    modules: BTreeSet<Names>,
    mentions: Vec<Mention>,
    /// What a name in a module stands for, by the paths that were imported.
    imported: BTreeMap<(Names, String), Names>,
    file: PathBuf,
    module: Names,
}

/// The layer of each file that the table names, as the number of its row and its name.
struct Layers(BTreeMap<Names, (usize, String)>);

impl Layers {
    fn read(text: &str) -> Self {
        let rows = text
            .lines()
            .skip_while(|line| *line != HEADING)
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
        let files = cells.enumerate().flat_map(|(number, cells)| {
            let files: Vec<_> = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let layer = cells[1].to_owned();
            files.into_iter().map(move |file| (names_of(Path::new(&file)), (number, layer.clone())))
        });
        Self(files.collect())
    }

    /// The layer of a module: that of the nearest one above it which the table names.
    fn of(&self, module: &[String]) -> Option<&(usize, String)> {
        (1..=module.len()).rev().find_map(|length| self.0.get(&module[..length]))
    }
}

impl Core {
    fn read(directory: &Path) -> Self {
        let mut core = Self::default();
        core.read_module(directory, &directory.join("lib.rs"));
        core
    }

    /// Reads a file, and those of the modules that it declares.
    fn read_module(&mut self, directory: &Path, file: &Path) {
        let syntax = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        let name = file.strip_prefix(directory).unwrap();
        let before = (self.file.clone(), self.module.clone());
        self.file = name.to_owned();
        self.module = if name == Path::new("lib.rs") { Names::new() } else { names_of(name) };
        self.modules.insert(self.module.clone());
        self.visit_file(&syntax);
        for item in &syntax.items {
            if let syn::Item::Mod(item) = item
                && item.content.is_none()
                && !is_test(&item.attrs)
            {
                let below = name.with_extension("").join(format!("{}.rs", item.ident));
                let below = if name == Path::new("lib.rs") {
                    format!("{}.rs", item.ident).into()
                } else {
                    below
                };
                self.read_module(directory, &directory.join(below));
            }
        }
        (self.file, self.module) = before;
    }

    fn mention(&mut self, names: Names, span: Span, is_made_known: bool) {
        let (module, file) = (self.module.clone(), self.file.clone());
        self.mentions.push(Mention { module, names, file, line: span.start().line, is_made_known });
    }

    fn import(&mut self, tree: &UseTree, before: &[String], is_made_known: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (names, known_as) = match tree {
            UseTree::Path(path) => {
                return self.import(&path.tree, &with(&path.ident), is_made_known);
            }
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.import(tree, before, is_made_known));
            }
            UseTree::Glob(_) => (before.to_vec(), None),
            UseTree::Name(name) if name.ident == "self" => {
                (before.to_vec(), before.last().cloned())
            }
            UseTree::Name(name) => (with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(rename) => (with(&rename.ident), Some(rename.rename.to_string())),
        };
        if let Some(name) = known_as {
            self.imported.insert((self.module.clone(), name), names.clone());
        }
        self.mention(names, tree.span(), is_made_known);
    }

    /// Finds paths in what a macro is given, which need not be Rust.
    fn search(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let name = |at: usize| {
            if let Some(TokenTree::Ident(name)) = tokens.get(at) {
                Some(name.to_string())
            } else {
                None
            }
        };
        let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.search(group.stream()),
                TokenTree::Ident(first) if at == 0 || !is_colon(at - 1) => {
                    let mut names = vec![first.to_string()];
                    for next in (at + 1..).step_by(3) {
                        let Some(name) =
                            name(next + 2).filter(|_| is_colon(next) && is_colon(next + 1))
                        else {
                            break;
                        };
                        names.push(name);
                    }
                    if names.len() > 1 {
                        self.mention(names, first.span(), false);
                    }
                }
                _ => {}
            }
        }
    }

    /// The same path from the crate's root on; `None` if it leads out of the crate.
    fn absolute(&self, module: &[String], names: &[String]) -> Option<Names> {
        let (first, rest) = names.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let (_, above) = module.split_last()?;
                if rest.first().is_some_and(|name| name == "super") {
                    self.absolute(above, rest)
                } else {
                    Some([above, rest].concat())
                }
            }
            _ => {
                let below = [module, names].concat();
                self.modules.contains(&below[..=module.len()]).then_some(below)
            }
        }
    }

    /// The module that something is defined in, wherever else it is known.
    fn home(&self, path: &[String]) -> Names {
        let mut module = Names::new();
        for (at, name) in path.iter().enumerate() {
            let next = [&module[..], std::slice::from_ref(name)].concat();
            if self.modules.contains(&next) {
                module = next;
                continue;
            }
            let imported = self
                .imported
                .get(&(module.clone(), name.clone()))
                .and_then(|names| self.absolute(&module, names));
            return match imported {
                Some(imported) if imported != path[..=at] => {
                    self.home(&[&imported, &path[at + 1..]].concat())
                }
                _ => module,
            };
        }
        module
    }
}

impl<'ast> Visit<'ast> for Core {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_test(&item.attrs) || item.content.is_none() {
            return;
        }
        self.module.push(item.ident.to_string());
        self.modules.insert(self.module.clone());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_test(&item.attrs) {
            self.import(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            self.mention(
                path.segments.iter().map(|segment| segment.ident.to_string()).collect(),
                path.span(),
                false,
            );
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.search(called.tokens.clone());
    }
}

/// The module that a file or a directory of core is.
fn names_of(file: &Path) -> Names {
    file.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// What points up, one a line.
fn ups(core: &Core, layers: &Layers) -> Vec<String> {
    let ups = core.mentions.iter().filter_map(|mention| {
        let home = core.home(&core.absolute(&mention.module, &mention.names)?);
        if home.is_empty() || mention.is_made_known && home.starts_with(&mention.module) {
            return None;
        }
        let ((from, from_name), (to, to_name)) = (layers.of(&mention.module)?, layers.of(&home)?);
        let (file, line, names) = (mention.file.display(), mention.line, mention.names.join("::"));
        (to < from).then(|| format!("pimainteno-core/src/{file}:{line}: `{names}`, of `{to_name}`, is above `{from_name}`"))
    });
    ups.collect()
}

#[test]
fn every_import_points_down_the_layers() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let layers = Layers::read(&fs::read_to_string(directory.join("../ARCHITECTURE.md")).unwrap());
    let core = Core::read(&directory.join("src"));
    assert!(core.mentions.len() > 1000, "{} paths were found", core.mentions.len());
    for module in &core.modules {
        assert!(
            module.is_empty() || layers.of(module).is_some(),
            "ARCHITECTURE.md has no layer for `{}`",
            module.join("::")
        );
    }
    for file in layers.0.keys() {
        assert!(
            core.modules.contains(file),
            "ARCHITECTURE.md has a layer for `{}`, which is not there",
            file.join("/")
        );
    }
    let ups = ups(&core, &layers);
    assert!(
        ups.is_empty(),
        "imports that point up the layers of ARCHITECTURE.md:\n{}",
        ups.join("\n")
    );
}
