//! Tables of names, and what is said of them.

use std::fs;

use super::*;
use crate::config::{Config, Globs, PrepareConfig, ProjectConfig};

/// Files that decide what is run, fetched, built or allowed, or that nothing is known of.
const HELD: &str = "
    Makefile makefile MAKEFILE GNUmakefile src/Makefile.am Makefile.in rules.mk justfile Taskfile.yml CMakeLists.txt src/CMakeLists.txt docs/CMakeLists.txt
    cmake/deps.cmake meson.build meson_options.txt configure.ac configure SConstruct SConscript wscript WORKSPACE BUILD BUILD.bazel tools/defs.bzl app.pro
    App.csproj App.sln Directory.Build.props nuget.config global.json stack.yaml app.cabal rebar.config dune-project dune app.opam project.clj deps.edn
    build.sbt project/Build.scala Podfile Package.swift Package@swift-5.9.swift Project.swift Plugins/Gen/main.swift build.zig xmake.lua premake5.lua
    Rakefile lib/tasks/db.rake Gruntfile.js gulpfile.js gulpfile.babel.js Jakefile.js magefile.go magefiles/build.go xtask/src/main.rs build.rs
    crates/a/build.rs BUILD.RS Cargo.toml Cargo.lock rust-toolchain.toml deny.toml setup.py Setup.py setup.cfg pyproject.toml tox.ini noxfile.py
    fabfile.py tasks.py dodo.py manage.py conftest.py tests/conftest.py docs/conf.py sitecustomize.py lib/usercustomize.py hatch_build.py conanfile.py
    conanfile.txt easy.pth requirements.txt requirements-dev.txt docs/requirements.txt dev-requirements.txt requirements/base.txt requirements.in
    constraints.txt packages.txt environment.yml go.mod go.sum Gemfile Gemfile.lock app.gemspec ext/native/extconf.rb composer.json pom.xml build.gradle
    build.gradle.kts gradlew gradle.properties mix.exs config/prod.exs pubspec.yaml flake.nix shell.nix default.nix Setup.hs Makefile.PL renv/activate.R
    package.json web/package-lock.json pnpm-lock.yaml yarn.lock tsconfig.json vite.config.ts webpack.config.js webpack.prod.js build/webpack.base.conf.js
    jest.config.js jest.setup.ts babel.config.js eslint.config.mjs lint-staged.config.js next.config.mjs tailwind.config.cjs karma.conf.js knexfile.ts
    ecosystem.config.js gatsby-node.js metro.config.js app/config.js vitest.workspace.ts deno.json deps.ts .eslintrc.cjs .pnp.cjs node_modules/a/index.js
    vendor/github.com/a/b.go third_party/zlib/inflate.c dist/index.js spec/spec_helper.rb test/test_helper.exs config/puma.rb config/routes.rb
    db/schema.rb db/migrate/1_add.rb Formula/app.rb pkg/brew/app-bin.rb pkg/scripts/build.py bootstrap/app.php db/seeds/users.php spec/support/spec_helpers.rb app/migrations/0002_drop.py alembic/versions/a.py alembic/env.py schema.sql gunicorn.conf.py
    app/settings.py config/app.php wp-config.php rector.php deploy.php
    .github/workflows/ci.yml .github/CODEOWNERS .gitlab-ci.yml Jenkinsfile jenkins/Pipeline.groovy azure-pipelines.yml appveyor.yml buildspec.yml
    .circleci/config.yml .pre-commit-config.yaml .husky/pre-commit lefthook.yml renovate.json .github/dependabot.yml CODEOWNERS codecov.yml action.yml
    .gitattributes .gitmodules vendor/.gitmodules .cargo/config.toml .vscode/tasks.json .devcontainer/devcontainer.json .editorconfig .env a/b/.c/d/e.rs
    AGENTS.md sub/CLAUDE.md claude.md GEMINI.md SKILL.md .cursorrules .cursor/rules/a.mdc prompts/system.md agents/reviewer.md skills/a/notes.md
    llms.txt system_prompt.txt docs/review.prompt.md .github/copilot-instructions.md CONVENTIONS.md
    Dockerfile Dockerfile.dev api.Dockerfile docker/app.py Containerfile docker-compose.yml compose.prod.yaml entrypoint.sh docker-entrypoint.py
    deploy/radio.service radio.socket backup.timer web.container app.service.d/override.conf sudoers.d/x sudoers Caddyfile nginx.conf haproxy.cfg
    nginx/site.conf.j2 templates/radio.service.j2 logrotate.d/radio radio.logrotate 99-radio.rules 50-radio.policy radio.desktop crontab etc/cron.d/radio
    supervisord.conf Procfile main.tf prod.tfvars playbook.yml ansible/library/ping.py roles/web/tasks/main.yml k8s/deploy.yaml charts/app/values.yaml
    charts/app/templates/deployment.yaml Chart.yaml kustomization.yaml Pulumi.yaml Vagrantfile fly.toml netlify.toml mkdocs.yml book.toml _config.yml
    debian/rules debian/control debian/changelog packaging/rpm.py app.spec snap/snapcraft.yaml install.sh install.py setup.sh deploy.py release.js
    bin/cli.js bin/README scripts/build.py scripts/release.mjs script/bootstrap.rb tools/gen.go hooks/pre-commit.py hooks/README githooks/a.js ci/run.py
    packages/a/scripts/postinstall.js postinstall.js run.sh check.bat deploy.ps1 test.bats a.fish a.awk
    LICENSE LICENSE.md COPYING NOTICE LICENSES/MIT.txt SECURITY.md robots.txt public/robots.txt CNAME google1234.html
    PiMainteno.toml policies/mine.rhai data/x.json x.yaml x.toml x.xml x.ini x.csv locales/de.json locales/de.po fixtures/a.json x.env list.txt
    allowlist.txt docs/whitelist.txt notebook.ipynb a.wasm a.jar a.so a.exe VERSION unknown x. x.unknown test.snap
";

/// Ordinary files of real projects: source, tests, prose, pages, style, pictures.
const UNASKED: &str = "
    README README.md docs/a.b/c.md CHANGELOG CHANGELOG.md HISTORY.rst AUTHORS AUTHORS.txt NEWS.adoc TODO CONTRIBUTING.md docs/guide.rst docs/notes.txt
    doc/manual.tex man/usage.txt README.txt scripts/README.md debian/README.md docs/build.md docs/install.rst docs/setup.png docs/makefile.md
    src/main.rs src/lib.rs src/bin/tool.rs src/config/hold.rs src/config.rs src/build/mod.rs src/setup.rs src/makefile.rs src/commands/install.rs
    crates/a/src/hooks/run.rs crates/core/flags/config.rs src/notice.rs src/license.py examples/custom_backend.rs tests/it.rs tests/cli/main.rs benches/speed.rs examples/embed.rs fuzz/fuzz_targets/parse.rs
    app/models.py app/views.py app/__init__.py tests/test_a.py package/core.pyi package/fast.pyx src/package/config/loader.py src/package/tools/x.py
    index.js src/index.ts src/App.tsx src/hooks/useAuth.ts src/components/Button.vue src/scripts/menu.js web/a.test.tsx test/app.spec.mjs
    routes/+page.svelte pages/[id].tsx pages/(group)/page.tsx types/index.d.ts main.go cmd/app/main.go internal/config/config.go pkg/build/build.go
    pkg/a_test.go src/a.c include/a.h src/a.cpp include/a.hpp src/main/java/a/App.java src/test/java/a/AppTest.java src/main/kotlin/App.kt
    lib/app.rb lib/app/config/loader.rb app/models/user.rb spec/models/user_spec.rb public/index.php src/Controller/Home.php Program.cs Tests/ATests.cs
    Sources/App/main.swift Tests/AppTests/ATests.swift lib/app.ex test/app_test.exs src/Main.hs lib/main.dart src/app.erl lib/a.ml init.lua src/a.jl
    core.clj R/plot.R t/basic.t lib/App.pm api/v1/api.proto schema.graphql
    static/site.css web/app.scss theme/a.less public/index.html templates/base.html templates/base.html.j2 views/home.html.erb views/index.ejs
    layouts/main.hbs views/show.haml logo.png img/photo.jpg icons/a.svg favicon.ico fonts/a.woff2 src/version.h.in
";

fn project(change: impl FnOnce(&mut ProjectConfig)) -> Project {
    let mut project = ProjectConfig::new("/nowhere/radio");
    change(&mut project);
    Project::new(&project, &Config::default())
}

fn why(hold: &Hold, path: &str) -> Option<Held> {
    hold.why(path, FileState::default())
}

#[test]
fn what_decides_or_is_unknown_is_held_and_what_is_known_to_be_harmless_is_not() {
    let hold = Hold::new(&project(|_| {})).unwrap();
    let (held, mut unasked): (Vec<_>, Vec<_>) =
        (HELD.split_whitespace().collect(), UNASKED.split_whitespace().collect());
    unasked.push("docs/My picture.png");
    assert!(held.len() > 250 && unasked.len() > 90, "{} {}", held.len(), unasked.len());
    let slips: Vec<_> = held.iter().filter(|path| why(&hold, path).is_none()).collect();
    assert!(slips.is_empty(), "delivered unasked: {slips:?}");
    let waits: Vec<_> =
        unasked.iter().filter_map(|path| why(&hold, path).map(|why| (path, why))).collect();
    assert!(waits.is_empty(), "held: {waits:?}");
}

#[test]
fn names_that_look_like_others_are_held() {
    let hold = Hold::new(&project(|_| {})).unwrap();
    for path in [
        "setup.py.",
        "setup.py ",
        " a.py",
        "a/hooks /x.py",
        "a./b.py",
        "\u{455}etup.py",
        "con\u{17f}.py",
        "SETUP~1.PY",
        "conf.py:x.md",
        "-r.md",
        "b\\a.py",
    ] {
        assert!(why(&hold, path).is_some(), "{path:?}");
    }
}

#[test]
fn what_the_project_itself_runs_is_held() {
    let config = "path = \"/nowhere/radio\"\nverify = [\"python3 checks.py\", \"cd web && node test.js\", \"/nowhere/radio/all.py\", \"test -f README.md\"]\n\
                  steps = [{ name = \"lint\", command = \"ruby lint.rb\" }]\nrestart = { command = \"python -m radio.again\" }\n\
                  health = { command = \"./healthy.pl\" }\n";
    let hold =
        Hold::new(&Project::new(&toml::from_str(config).unwrap(), &Config::default())).unwrap();
    let by = |path| why(&hold, path).map(|why| why.to_string());
    for (path, who) in [
        ("checks.py", "a check"),
        ("web/test.js", "a check"),
        ("all.py", "a check"),
        ("lint.rb", "a step"),
        ("radio/again.py", "the restart"),
        ("healthy.pl", "the health check"),
    ] {
        assert_eq!(by(path), Some(format!("is run by {who}")), "{path}");
    }
    assert_eq!((by("README.md"), by("web/checks.py")), (None, None));
}

#[test]
fn what_a_git_hook_of_the_checkout_runs_is_held_and_it_counts_from_the_top() {
    let directory = tempfile::tempdir().unwrap();
    let part = directory.path().join("services/radio");
    fs::create_dir_all(directory.path().join(".git")).unwrap();
    fs::create_dir_all(&part).unwrap();
    let hold = |path: &Path, hook: &str| {
        let project = Project::new(&ProjectConfig::new(path), &Config::default());
        Hold::new(&project).unwrap().with_hooks(vec![format!("#!/bin/sh\n{hook}\n")])
    };
    let of_hook = Some(Held::RunBy("a Git hook"));
    let whole = hold(directory.path(), "exec python3 lint.py");
    assert_eq!((why(&whole, "lint.py"), why(&whole, "sample.py")), (of_hook.clone(), None));
    let absolute = format!("python3 {}/lint.py", part.display());
    for hook in ["python3 services/radio/lint.py", "cd services/radio; python3 lint.py", &absolute]
    {
        let hold = hold(&part, hook);
        assert_eq!((why(&hold, "lint.py"), why(&hold, "sample.py")), (of_hook.clone(), None));
    }
    assert_eq!(why(&hold(&part, "python3 lint.py"), "lint.py"), None);
    // A link elsewhere, too, that leads to a file of the project.
    let links = vec![Link::new("check.py", "services/radio/lint.py").unwrap()];
    let linked = hold(&part, "python3 check.py").with_links(links);
    assert_eq!(why(&linked, "lint.py"), Some(Held::Linked("check.py".into())));
}

#[test]
fn what_prepare_runs_or_is_said_to_read_is_held() {
    let mut prepare = PrepareConfig::new("python3 src/fetch.py");
    prepare.files = Some(Globs::compile(["src/versions.py"]).unwrap());
    let hold = Hold::new(&project(|project| project.prepare = vec![prepare.clone()])).unwrap();
    assert_eq!(why(&hold, "src/fetch.py"), Some(Held::RunBy("`prepare`")));
    assert_eq!(why(&hold, "src/versions.py"), Some(Held::Prepares));
    assert_eq!(why(&hold, "src/other.py"), None);
    let unasked = Hold::new(&project(|project| {
        project.prepare = vec![prepare];
        project.unasked = Globs::compile(["src/*"]).unwrap();
    }));
    assert_eq!(why(&unasked.unwrap(), "src/versions.py"), None);
}

#[test]
fn the_owner_can_add_what_is_harmless_or_replace_the_rule() {
    let hold = Hold::new(&project(|project| {
        project.unasked = Globs::compile(["*.json", "play.sh"]).unwrap();
    }))
    .unwrap();
    for path in ["data/x.json", "play.sh"] {
        assert_eq!(why(&hold, path), None, "{path}");
    }
    for path in
        ["package.json", "tsconfig.json", ".a/x.json", "deploy/x.json", "x.yaml", "check.sh"]
    {
        assert!(why(&hold, path).is_some(), "{path}");
    }
    let program = FileState { is_program: true, becomes_another: false };
    assert_eq!(hold.why("play.sh", program), None, "the owner knows it as it is");
    assert_eq!(
        hold.why("play.sh", FileState { becomes_another: true, ..program }),
        Some(Held::Program)
    );
    let hold =
        Hold::new(&project(|project| project.hold = Some(Globs::compile(["*.lock"]).unwrap())))
            .unwrap();
    assert_eq!(
        (why(&hold, "a.lock"), why(&hold, "Makefile"), hold.why("a.sh", program)),
        (Some(Held::Named), None, None)
    );
}

#[test]
fn the_summary_is_part_of_a_change_only_where_the_owner_wants_it() {
    let hold = |commit_summary| {
        Hold::new(&project(|project| project.commit_summary = commit_summary)).unwrap()
    };
    assert_eq!(
        (why(&hold(false), "codex.md"), why(&hold(true), "codex.md")),
        (Some(Held::Decides), None)
    );
    assert_eq!(why(&hold(true), "sub/codex.md"), Some(Held::Decides));
}

#[test]
fn the_reason_names_the_files_and_why_but_not_all_of_many() {
    let workspace = tempfile::tempdir().unwrap();
    let change = |files: &[&str]| {
        let numbers: String = files.iter().map(|file| format!("1\t0\t{file}\n")).collect();
        let diffs: String = files
            .iter()
            .map(|file| {
                format!("diff --git a/{file} b/{file}\nindex 1..2 100644\n@@ -1 +1,2 @@\n a\n+b\n")
            })
            .collect();
        Change::parse(&format!("{numbers}\n{diffs}"))
    };
    let reason = |project: &Project, files: &[&str]| {
        held_files(project, &change(files), workspace.path(), Vec::new(), Vec::new()).unwrap()
    };
    let project = project(|_| {});
    assert_eq!(reason(&project, &["a.rs", "b.md"]), None);
    assert_eq!(
        reason(&project, &["data/x.json", "a.rs", "Makefile", "b.yaml"]).unwrap(),
        "it touches `Makefile`, which decides what is run, fetched, built or allowed; it touches `data/x.json`, `b.yaml`, each of which is of a kind \
         that is not known to be harmless"
    );
    assert!(
        reason(&project, &["a.json"; 7])
            .unwrap()
            .contains("`a.json` and 2 more, each of which is of a kind")
    );
}

#[test]
fn programs_are_held_whatever_their_name() {
    let (workspace, project) = (tempfile::tempdir().unwrap(), project(|_| {}));
    let reason = |header: &str| {
        let change = Change::parse(&format!("1\t1\ta.py\n\ndiff --git a/a.py b/a.py\n{header}\n"));
        held_files(&project, &change, workspace.path(), Vec::new(), Vec::new()).unwrap()
    };
    let kept = "index 1..2 100644\n--- a/a.py\n+++ b/a.py\n";
    for header in [
        "old mode 100644\nnew mode 100755",
        "old mode 100755\nnew mode 100644",
        "new file mode 100755\nindex 0..1",
        "deleted file mode 100755\nindex 1..0",
        "deleted file mode 120000\nindex 1..0",
        "deleted file mode 160000\nindex 1..0",
        "index 1..2 100755\n--- a/a.py\n+++ b/a.py\n@@ -9 +9 @@\n-a\n+b",
        &format!("{kept}@@ -1 +1,2 @@\n+#!/usr/bin/env python3\n a"),
        &format!("{kept}@@ -1,2 +1,2 @@\n-#! /bin/sh\n+# nothing\n a"),
        &format!("{kept}@@ -1,2 +1,2 @@\n #!/bin/sh\n-a\n+b"),
    ] {
        assert_eq!(reason(header).unwrap(), "it touches `a.py`, which is a program", "{header}");
    }
    let plain = format!("{kept}@@ -9 +9 @@\n-a\n+b");
    assert_eq!(
        (reason(&plain), reason(&format!("{kept}@@ -1 +1,2 @@\n+#![allow(a)]\n a"))),
        (None, None)
    );
    // The line that is not in the change is in the file.
    fs::write(workspace.path().join("a.py"), "#!/usr/bin/env python3\n").unwrap();
    assert!(reason(&plain).unwrap().contains("is a program"));
}

#[test]
fn what_a_link_leads_to_is_held_as_the_link_would_be() {
    let links = [
        ("CLAUDE.md", "docs/helpers.md"),
        ("web/.claude", "../docs/claude"),
        ("latest.md", "docs/v2.md"),
        ("etc/x", "/etc/passwd"),
        ("up", "../../x"),
    ];
    let links: Vec<_> = links.iter().filter_map(|(path, target)| Link::new(path, target)).collect();
    assert_eq!(links.len(), 3);
    let hold = Hold::new(&project(|_| {})).unwrap().with_links(links);
    assert_eq!(why(&hold, "docs/helpers.md"), Some(Held::Linked("CLAUDE.md".into())));
    assert_eq!(why(&hold, "docs/claude/a/b.md"), Some(Held::Linked("web/.claude".into())));
    for path in ["docs/v2.md", "docs/claude.md", "docs/helpers.md.rst"] {
        let expected = (path == "docs/claude.md").then_some(Held::Decides);
        assert_eq!(why(&hold, path), expected, "{path}");
    }
}
