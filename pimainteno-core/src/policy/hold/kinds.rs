//! Kinds of files that are known to decide nothing by themselves: source, prose, pages and
//! pictures.
//!
//! A kind is known by what a name ends with. Whatever is not here is unknown, and waits: data
//! (JSON, YAML, TOML, XML, INI, CSV) as often says what is run, fetched or allowed as it does not,
//! and its name does not tell; translations and fixtures are data, too. Scripts of shells,
//! notebooks and SQL are run as they are.
//!
//! The lists are in lower case, divided by blanks.

/// A known kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is compiled, or read by an interpreter, as a part of the project.
    Source,
    /// What is read by people.
    Prose,
    /// Pages, templates that make pages, and how pages look.
    Page,
    /// Pictures and fonts.
    Picture,
}

/// Extensions of source. Not those whose files are scripts by themselves or belong to a tool, such
/// as `sh`, `ps1`, `kts`, `groovy`, `exs`, `cmake`, `d`.
const SOURCE: &str = "rs py pyi pyx pxd js mjs cjs jsx ts mts cts tsx vue svelte astro mdx coffee elm res purs go c h cc cpp cxx c++ hh hpp hxx h++ ipp tpp
    inl m mm java kt scala clj cljs cljc rb php cs fs fsi vb swift dart ex erl hrl gleam hs lhs ml mli re rei lua jl r nim zig cr hx pas f f90 f95 f03 f08
    for adb ads lisp lsp el scm rkt pl pm t asm s vhd vhdl v sv lean proto graphql gql sol cu cuh cl glsl vert frag comp wgsl hlsl metal gd";

/// Extensions of prose. Not `txt`, see [`is_prose`].
const PROSE: &str = "md markdown mkd rst adoc asciidoc org tex bib texi texinfo textile rdoc";

/// Extensions of style, pages, and templates that make pages only.
const PAGES: &str =
    "css scss sass less styl pcss html htm xhtml pug haml slim heex cshtml razor vbhtml jsp gohtml";

/// Extensions of pictures and fonts.
const PICTURES: &str =
    "png jpg jpeg gif webp avif apng svg ico icns bmp tif tiff heic jxl woff woff2 ttf otf eot";

/// Extensions of templates of anything: what one makes is of the kind that the rest of its name
/// says.
const TEMPLATES: &str =
    "in tmpl tpl template erb j2 jinja jinja2 eex leex dist example sample default";

/// Extensions of templates that make pages where the rest of the name does not say otherwise.
const PAGE_TEMPLATES: &str = "hbs handlebars mustache ejs twig liquid njk nunjucks";

/// Names of prose that has no extension, or `txt`. Not those of licences, which say what is
/// allowed, and not `install`, which is a script as often.
const PROSE_NAMES: &str = "readme changelog changes change_log history news releasenotes release_notes release-notes authors contributors credits thanks
    acknowledgements acknowledgments contributing hacking todo faq bugs roadmap upgrading notes glossary abstract about intro introduction overview
    tutorial guide manual usage humans translators help";

/// Directories in which `txt` is prose.
const PROSE_DIRECTORIES: &str = "doc docs documentation man manual guide guides book";

/// The kind of the file at `path`, which is in lower case; `None` if it is not known.
pub(super) fn kind(path: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return has(PROSE_NAMES, name).then_some(Kind::Prose);
    };
    match extension {
        _ if stem.is_empty() => None,
        // Tests of Elixir, where any other `exs` is a script.
        "exs" if stem.ends_with("_test") => Some(Kind::Source),
        "txt" => is_prose(path, stem).then_some(Kind::Prose),
        _ if has(SOURCE, extension) => Some(Kind::Source),
        _ if has(PROSE, extension) => Some(Kind::Prose),
        _ if has(PAGES, extension) => Some(Kind::Page),
        _ if has(PICTURES, extension) => Some(Kind::Picture),
        _ if has(PAGE_TEMPLATES, extension) && !stem.contains('.') => Some(Kind::Page),
        _ => kind(rendered(path)?),
    }
}

/// What a template at `path` makes: the path without the template's extension. `None` if it is no
/// template.
pub(super) fn rendered(path: &str) -> Option<&str> {
    let (rest, extension) = path.rsplit_once('.')?;
    let is_template = has(TEMPLATES, extension) || has(PAGE_TEMPLATES, extension);
    (is_template && !rest.is_empty() && !rest.ends_with('/')).then_some(rest)
}

/// Whether plain text is known to be prose: lists that programs read are plain text, too.
fn is_prose(path: &str, stem: &str) -> bool {
    has(PROSE_NAMES, stem)
        || path.split('/').rev().skip(1).any(|directory| has(PROSE_DIRECTORIES, directory))
}

fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}
