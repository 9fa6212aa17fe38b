//! Files that decide what is run, fetched, built or allowed, on this machine and elsewhere.
//!
//! Most of them are of no known kind and would wait anyhow; here they are called what they are, and
//! `unasked` does not let them through. What counts are those that look like source or prose:
//! settings that are programs, scripts for builds and deployments, instructions for agents, lists
//! of what is fetched.
//!
//! The lists are globs in lower case, divided by blanks.

use super::kinds::{Kind, kind, rendered};
use crate::config::Globs;

/// What begins with a dot configures tools: editors, hooks, linters, CI, agents, and Git itself.
/// Directories `x.d` hold parts of such settings.
const HIDDEN: &str = ".* **/.*/** **/*.d/**";

/// What agents are told.
const AGENTS: &str =
    "agent.md agents*.md agent-*.md claude*.md codex*.md gemini*.md copilot*.md cursor*.md qwen.md warp.md jules.md conventions.md skill.md
    llms*.txt *.{instructions,prompt,prompts,agent,chatmode,mdc}.md *prompt*.{md,txt}
    **/{prompts,skills,agents,subagents,memory-bank,cursor-rules,ai-rules}/**/*.{md,markdown,txt}";

/// Who must agree to what, where faults are reported, who owns a site, and who may enter.
const RIGHTS: &str = "codeowners* owners security.{md,rst,txt,adoc} robots.txt ads.txt app-ads.txt cname google*.html yandex*.html
    {allow,deny,block,ban,white,black}*list*.txt";

/// What others may do with the project.
const LICENSES: &str = "license* licence* **/{licenses,licences}/** copying* copyright* notice notice.* patents* unlicense* eula*";

/// What is fetched, where that looks like text.
const FETCHED: &str = "*requirements*.{txt,in} **/requirements/** *constraints*.{txt,in} **/constraints/*.txt
    {packages,apt,runtime,dependencies,deps,modules,plugins,extensions}.txt **/*.{egg-info,dist-info}/** conanfile.txt deps.ts import{_,-}map*.ts";

/// How something is built or installed, where that looks like text or source.
const BUILDS: &str = "cmakelists.txt meson_options.txt build.rs setup.py setup.{hs,lhs} extconf.rb {makefile,build}.pl package.swift package@*.swift
    {project,workspace,tuist}.swift **/plugins/**/*.swift build.zig lakefile.lean hatch_build.py pdm_build.py conanfile.py versioneer.py ez_setup.py
    magefile*.go **/magefiles/** **/project/*.scala premake*.lua xmake.lua {project,build,profiles,user}.clj **/{formula,casks,brew,homebrew}/**/*.rb";

/// What an interpreter, a test runner or a runner of tasks reads before all else.
const FIRST: &str =
    "{site,user}customize.py conftest.py noxfile.py toxfile.py fabfile*.py tasks.py dodo.py pavement.py manage.py conf.py locustfile.py
    hubconf.py *_helper.rb {spec,test,rails}_helpers.rb test_helper.* testhelper.* setuptests.* *.setup.{js,ts,mjs,cjs,tsx} **/{renv,packrat}/**
    {gulp,grunt,jake,knex,plop,danger,broc,guard,rake,pnpm}file*.{js,ts,mjs,cjs,mts,coffee,rb,swift}";

/// Settings that are programs.
const SETTINGS: &str =
    "*.{config,conf}.* *{-,_}{config,conf}.{py,js,mjs,cjs,ts,mts,cts,rb,php,lua} wp-config*.php settings.py *_settings.py celeryconfig.py
    {webpack,rollup,vite,vitest,jest,babel,eslint,stylelint,karma,protractor,esbuild}{.,-}*.{js,mjs,cjs,ts,mts,cts,coffee}
    {tsup,rspack,rsbuild,playwright,cypress,tailwind,postcss,metro,craco,mocha,ava,nyc}{.,-}*.{js,mjs,cjs,ts,mts,cts,coffee}
    {gatsby,ember-cli,snowpack,turbo,nx,lerna,commitlint,prettier,renovate}{.,-}*.{js,mjs,cjs,ts,mts,cts,coffee}
    {testem,brunch,ormconfig,ecosystem,config-overrides,hardhat,truffle,eslint,karma}.{js,mjs,cjs,ts,mts,cts}
    {rector,ecs,scoper.inc,deploy,php-cs-fixer}.php pimainteno.toml *.rhai";

/// What somebody else wrote or a program made, of which nothing can be read elsewhere; and what
/// changes data for good.
const FOREIGN: &str =
    "**/{node_modules,bower_components,vendor,vendored,third_party,third-party,thirdparty,pods,site-packages,dist,_build}/**
    **/{buildsrc,build-logic,meta-inf}/** **/{migrations,migration,migrate,alembic,seeders,seeds}/** **/db/**/*.rb";

/// Settings of builds and of tools for source, whose names say what they are.
const TOOLS: &str = "makefile* gnumakefile* *.{mk,mak,make,cmake,bzl,bazel,ninja,gyp,gypi,gn,gni,am,ac,m4} justfile* *.just taskfile*
    {rake,guard,vagrant,cap,brew,fast,app,pod,cart,danger,snake,tilt,earth,proc,jenkins,thor,gem,pip,apt,berks,puppet,steep}file*
    *.{rake,gemspec,podspec,nimble,cabal,opam,sbt,gradle,kts,csproj,vcxproj,fsproj,vbproj,sln,slnx,props,targets,pro,pri,pbxproj,rockspec,smk,pth}
    *.{nix,tf,tfvars,hcl,jsonnet,libsonnet,dhall,cue,rego} build workspace workspace.* module.bazel* sconstruct sconscript wscript configure*
    meson.build kconfig* kbuild* dune* stack.y*ml rebar* project.clj {deps,shadow-cljs,bb}.edn cargo.* rust-toolchain* deny.toml clippy.toml rustfmt.toml
    package*.json npm-shrinkwrap.json *.lock *.lock* *-lock.* pnpm-*.yaml lerna.json nx.json turbo.json deno.json* {ts,js}config*.json angular.json
    bower.json pyproject.toml setup.cfg tox.ini pytest.ini mypy.ini ruff.toml environment*.y*ml go.{mod,sum,work*} gems.* composer.* pom.xml *.properties
    gradlew* mvnw* mix.exs pubspec.* global.json nuget.config manifest.in";

/// CI, what watches over dependencies, and what builds, starts and limits what is delivered.
const SERVICES: &str = "appveyor.y*ml azure-pipelines*.y*ml bitbucket-pipelines.y*ml buildspec*.y*ml cloudbuild*.y*ml codecov.y*ml renovate*.json*
    dependabot.y*ml mkdocs.y*ml readthedocs.y*ml _config.y*ml netlify.toml vercel.json firebase.json wrangler.* fly.toml render.yaml app.y*ml
    serverless.y*ml skaffold.y*ml action.y*ml dockerfile* containerfile* *.{dockerfile,containerfile} *compose*.y*ml
    *.{service,socket,timer,path,mount,automount,target,slice,swap,network,netdev,link,nspawn,container,pod,kube,volume,image,desktop,plist}
    *.{rules,policy,pkla,conf,cfg,cnf,cron} supervisord* caddyfile* crontab* sudoers* fstab hosts authorized_keys known_hosts
    chart.yaml values*.y*ml kustomization.y*ml playbook*.y*ml site.y*ml inventory* galaxy.y*ml user-data* cloud-init* *entrypoint*
    {install,uninstall,setup,deploy,bootstrap,provision,release,publish,update,upgrade,start,run,test,check}
    {install,uninstall,setup,deploy,bootstrap,provision,release,publish,update,upgrade,start,run,build,test,check}.{sh,bash,ps1,bat,cmd}";

/// Programs in source that people, CI and other tools run by themselves.
const PROGRAMS: &str = "{build,install,uninstall,installer,setup,deploy,deployment,release,publish,bootstrap,configure,provision,migrate,update,upgrade}.*
    {make,ci,config,settings,hook,hooks,tools,generate,codegen,runtests,run_tests,run-tests,prebuild,postbuild,pretest,prepare}.*
    {pre,post}{install,publish,build,commit,pack}*.* {pre,post}{-,_}*.* {build,install,setup,deploy,release,bootstrap,configure,provision}{-,_}*.*
    *{-,_}{build,install,installer,setup,deploy,release,bootstrap,hook,hooks}.* *{-,_}backend.py *entrypoint*.* {gunicorn,uwsgi,supervisor,puma,unicorn}*.*
    pytest_*.py *_plugins.py";

/// Directories of programs and settings for people, CI, and machines.
const DIRECTORIES: &str = "bin sbin libexec exe script scripts tool tools tooling hook hooks githooks git-hooks git_hooks ci build builds build-tools
    build_tools buildtools buildscripts build-scripts xtask xtasks tasks gulp grunt webpack config configs conf settings etc release releases releng bootstrap
    install installer installers deploy deploys deployment deployments debian rpm packaging snap flatpak homebrew ansible playbooks terraform pulumi cdk
    infra infrastructure ops devops provision provisioning puppet chef cookbooks salt k8s kubernetes helm charts docker systemd udev polkit cron
    initscripts dev-tools devtools dev_tools jenkins maint maintenance";

/// Directories of source: what lies below them is a part of the project, whatever it is called.
const SOURCES: [&str; 2] = ["src", "lib"];

/// The same, in Go alone: elsewhere `pkg` is where packages are made.
const GO_SOURCES: [&str; 2] = ["internal", "pkg"];

/// Source of languages that are compiled as a whole: a single file of them is no program, but for
/// those that have a name of their own.
const COMPILED: [&str; 10] =
    [".rs", ".c", ".h", ".cc", ".cpp", ".hpp", ".java", ".kt", ".hs", ".swift"];

/// Directories of translations, which lie among settings and are none.
const TRANSLATIONS: [&str; 5] = ["locale", "locales", "i18n", "translations", "lang"];

/// Whether a file decides about others, by its name.
#[derive(Debug)]
pub(super) struct Deciding {
    /// Those that decide wherever they are and whatever they look like.
    names: Globs,
    /// Those that are no source.
    licenses: Globs,
    /// Those of no known kind: `makefile.rs` is about makefiles.
    tools: Globs,
    /// Those that are source, and lie outside of a directory of source.
    programs: Globs,
}

impl Deciding {
    /// The rule, ready to be asked. `Err` says which glob is wrong.
    pub(super) fn compile() -> Result<Self, String> {
        let compile = |lists: &[&'static str]| {
            Globs::compile(lists.iter().flat_map(|list| list.split_whitespace()))
        };
        Ok(Self {
            names: compile(&[HIDDEN, AGENTS, RIGHTS, FETCHED, BUILDS, FIRST, SETTINGS, FOREIGN])?,
            licenses: compile(&[LICENSES])?,
            tools: compile(&[TOOLS, SERVICES])?,
            programs: compile(&[PROGRAMS])?,
        })
    }

    /// Whether the file at `path`, in lower case, decides about others. A template decides if what
    /// it makes does.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.is_named(path) || rendered(path).is_some_and(|rendered| self.is_named(rendered))
    }

    fn is_named(&self, path: &str) -> bool {
        let kind = kind(path);
        let is_source = kind == Some(Kind::Source);
        if self.names.matches(path)
            || !is_source && self.licenses.matches(path)
            || kind.is_none() && self.tools.matches(path)
        {
            return true;
        }
        let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
        // What is read or looked at is of no use to what runs programs. A name without an extension
        // may be of use to it: `debian/changelog`.
        if matches!(kind, Some(Kind::Prose | Kind::Picture)) && name.contains('.') {
            return false;
        }
        let mut is_inside = false;
        for directory in directories.split('/') {
            is_inside |= SOURCES.contains(&directory)
                || path.ends_with(".go") && GO_SOURCES.contains(&directory)
                || kind.is_none() && TRANSLATIONS.contains(&directory);
            if !is_inside && DIRECTORIES.split_whitespace().any(|known| known == directory) {
                return true;
            }
        }
        let is_compiled = COMPILED.iter().any(|extension| path.ends_with(extension));
        is_source && !is_inside && !is_compiled && self.programs.matches(path)
    }
}
