//! Each cost and margin of the placer: rows that fail where it is clearly more, or less.
//!
//! What decides is named above each row. The figures are those of `align.rs`, `align`, `indent.rs`
//! and `place`, each with its reason beside it.

use pimainteno_core::patch::Reason;

use crate::placing::check;

/// `OF_BLANK`, `OF_MARKS`, `OF_FEW`, `FEW` and `OF_WORDS`, and `REMOVED`, `MISTYPED` and `INVENTED`,
/// against `EVIDENCE` and `SHARE`.
#[test]
fn what_a_line_says() {
    check(&[
        // `REMOVED`: a line that is removed is evidence enough.
        (
            "NAME = 'x'\nLIMIT = 10\nOPEN = True\n",
            "@@ @@\n # How many requests at most.\n-LIMIT = 10\n+LIMIT = 20\n",
            Ok("NAME = 'x'\nLIMIT = 20\nOPEN = True\n"),
        ),
        // `REMOVED`, `OF_FEW`, `FEW`: one of two letters is not.
        (
            "if ready; then\n    start\nfi\nwatch\n",
            "@@ @@\n     stop_all\n-fi\n+fi || exit 1\n",
            Err(Reason::NotFound),
        ),
        // `EVIDENCE`, `OF_WORDS`: nor is a line of context.
        (
            "start();\nwatch();\ndone();\n",
            "@@ @@\n start();\n+more();\n gone_elsewhere();\n",
            Err(Reason::NotFound),
        ),
        // `OF_MARKS`: nor are brackets, although they are removed.
        (
            "fn first() {\n    if ready {\n        start();\n    }\n}\n",
            "@@ @@\n         gone_elsewhere();\n-    }\n-}\n+    }\n+    more();\n+}\n",
            Err(Reason::NotFound),
        ),
        // `OF_MARKS`, `OF_BLANK`: a line of context with a bracket below it is.
        (
            "fn first() {\n    if ready {\n        start();\n    }\n}\n",
            "@@ @@\n     // only then\n         start();\n     }\n+    more();\n }\n",
            Ok("fn first() {\n    if ready {\n        start();\n    }\n    more();\n}\n"),
        ),
        // `OF_FEW`, `MISTYPED`: so is a short line that is removed, with one that is mistyped.
        (
            "def update(path):\n    i += 1\n    return None\n",
            "@@ @@\n-    i += 1\n+    i += 2\n     return Nnoe\n",
            Ok("def update(path):\n    i += 2\n    return None\n"),
        ),
        // `SHARE`, `INVENTED`: half of the hunk is there.
        (
            "start();\nhost = read(\"host\");\nport = read(\"port\");\ndone();\n",
            "@@ @@\n // The host is read first.\n-host = read(\"host\");\n-port = read(\"port\");\n+(host, port) = read_both();\n // Both are there now.\n // And it goes on.\n",
            Ok("start();\n(host, port) = read_both();\ndone();\n"),
        ),
        // `SHARE`, `REMOVED`: less than half is.
        (
            "start();\nhost = read(\"host\");\ndone();\n",
            "@@ @@\n // The host is read first.\n-host = read(\"host\");\n+host = read_all(\"host\");\n // It is there now.\n",
            Err(Reason::NotFound),
        ),
        // `OF_BLANK`: the blank line below the insertion is one more that is there.
        (
            "import os\n\ndef save(path):\n    count += 1\n    return count\n",
            "@@ @@\n import os\n+import sys\n # the rest is the same\n \n     count += 1\n",
            Ok("import os\nimport sys\n\ndef save(path):\n    count += 1\n    return count\n"),
        ),
    ]);
}

/// `MISTYPED`, `ALIKE` and `LONG`.
#[test]
fn what_is_mistyped() {
    check(&[
        // `ALIKE`, `MISTYPED`: a word is left out of a line.
        (
            "start();\nwatch();\nopen_the_connection();\nthree();\ndone();\n",
            "@@ @@\n watch();\n open_connection();\n+more();\n",
            Ok("start();\nwatch();\nopen_the_connection();\nmore();\nthree();\ndone();\n"),
        ),
        // `LONGEST`: a long line may be mistyped, too.
        (
            "start();\n// What is read here is kept as it is, and what is written is what was read before.\nwatch();\ndone();\n",
            "@@ @@\n // What is read here is kept as it is, and what is writen is what was read before.\n+more();\n watch();\n",
            Ok(
                "start();\n// What is read here is kept as it is, and what is written is what was read before.\nmore();\nwatch();\ndone();\n",
            ),
        ),
        // `MISTYPED`: a line that is there says more than one that is almost the same.
        (
            "def left_side(self):\n    return None\n\n\ndef left_size(self):\n    return None\n",
            "@@ -1,3 +1,3 @@\n def left_side(self):\n-    return None\n+    return self.left\n # as long as there is one\n",
            Ok(
                "def left_side(self):\n    return self.left\n\n\ndef left_size(self):\n    return None\n",
            ),
        ),
        // `ALIKE`: two lines of a file often differ in a word.
        (
            "open_all();\n\nlog(\"done\");\nlog(\"start\");\n\nclose_all();\n",
            "@@ @@\n \n+emit(\"changed\");\n log(\"start\");\n \n close_all();\n",
            Ok(
                "open_all();\n\nlog(\"done\");\nemit(\"changed\");\nlog(\"start\");\n\nclose_all();\n",
            ),
        ),
        // `LONG`: no line of the hunk is there as it is, so that no part of the file is like it.
        (
            "start();\none();\ntwo();\nthree();\nfour();\nthe_first_color();\nthe_second_color();\nthe_third_color();\nthe_fourth_color();\nfive();\nsix();\ndone();\n",
            "@@ @@\n the_first_colour();\n the_second_colour();\n+more();\n the_third_colour();\n the_fourth_colour();\n",
            Ok(
                "start();\none();\ntwo();\nthree();\nfour();\nthe_first_color();\nthe_second_color();\nmore();\nthe_third_color();\nthe_fourth_color();\nfive();\nsix();\ndone();\n",
            ),
        ),
    ]);
}

/// `MISSING`, `MISSING_AT_INSERTION`, `ELSEWHERE` and `BLANK`.
#[test]
fn what_is_left_out() {
    check(&[
        // `MISSING`, `INVENTED`: the hunk shows a function without two of its lines, and the next
        // one ends alike.
        (
            "import os\n\ndef load(path):\n    text = read(path)\n    lines = text.split()\n    return None\n\ndef save(path):\n    write(path)\n    return None\n",
            "@@ @@\n import os\n def load(path):\n-    return None\n+    return lines\n",
            Ok(
                "import os\n\ndef load(path):\n    text = read(path)\n    lines = text.split()\n    return lines\n\ndef save(path):\n    write(path)\n    return None\n",
            ),
        ),
        // `MISSING_AT_INSERTION`, `MARGIN`, `BLANK`: it could go above the blank line or below.
        (
            "import os\n\ndef merge(path):\n    pass\n",
            "@@ @@\n import os\n+timeout = 60\n # the rest is as it was\n def merge(path):\n",
            Err(Reason::Ambiguous),
        ),
        // `MISSING_AT_INSERTION`: the hunk shows that the blank line is below.
        (
            "import os\n\ndef load(path):\n    return read(path)\n",
            "@@ @@\n import os\n+import sys\n # the rest is the same\n \n def load(path):\n",
            Ok("import os\nimport sys\n\ndef load(path):\n    return read(path)\n"),
        ),
        // `ELSEWHERE`: what is between two changes is left out, however much it is.
        (
            "first();\nsecond();\nthird();\nstep_1();\nstep_2();\nstep_3();\nstep_4();\nstep_5();\nstep_6();\nstep_7();\nstep_8();\nstep_9();\nstep_10();\nstep_11();\nstep_12();\nstep_13();\nstep_14();\nsecond_last();\nlast();\nend_of_all();\n",
            "@@ @@\n first();\n-second();\n+SECOND();\n third();\n second_last();\n-last();\n+LAST();\n end_of_all();\n",
            Ok(
                "first();\nSECOND();\nthird();\nstep_1();\nstep_2();\nstep_3();\nstep_4();\nstep_5();\nstep_6();\nstep_7();\nstep_8();\nstep_9();\nstep_10();\nstep_11();\nstep_12();\nstep_13();\nstep_14();\nsecond_last();\nLAST();\nend_of_all();\n",
            ),
        ),
        // `ELSEWHERE`: a line in the same function is nearer than one elsewhere.
        (
            "import os\nimport sys\n\nNAME = 'x'\ndef load(path):\n    text = read(path)\n    lines = text.split()\n    lines.sort()\n    lines.reverse()\n    return None\n\ndef save(path):\n    write(path)\n    return None\n",
            "@@ @@\n import os\n import sys\n NAME = 'x'\n def load(path):\n-    return None\n+    return lines\n",
            Ok(
                "import os\nimport sys\n\nNAME = 'x'\ndef load(path):\n    text = read(path)\n    lines = text.split()\n    lines.sort()\n    lines.reverse()\n    return lines\n\ndef save(path):\n    write(path)\n    return None\n",
            ),
        ),
        // `BLANK`: a blank line is lost more easily than others.
        (
            "import os\n\ndef load(path):\n    return read(path)\n",
            "@@ @@\n+#!/usr/bin/env python3\n import os\n def load(path):\n",
            Ok("#!/usr/bin/env python3\nimport os\n\ndef load(path):\n    return read(path)\n"),
        ),
        // `MISSING` of a blank line: it goes with what is removed around it.
        (
            "start();\none_of_them();\n\ntwo_of_them();\ndone();\n",
            "@@ @@\n start();\n-one_of_them();\n-two_of_them();\n+all_of_them();\n done();\n",
            Ok("start();\nall_of_them();\ndone();\n"),
        ),
    ]);
}

/// `MARGIN`, `WITNESSED_MARGIN` and `NEARBY`.
#[test]
fn what_tells_a_place_from_others() {
    check(&[
        // `WITNESSED_MARGIN`: a blank line more or less tells nothing, although the number is
        // right.
        (
            "import os\n\ndef clear(path):\n    return None\n\n\ndef merge(path):\n    return path\n",
            "@@ -5,4 +5,5 @@\n # the rest is the same\n+LIMIT = 10\n \n def merge(path):\n     return path\n",
            Err(Reason::Ambiguous),
        ),
        // `NEARBY`: nothing nearby stands between the same lines.
        (
            "fn count() {\n    total = 0;\n    i = 1;\n    handle(data);\n    step(data);\n    if ready {\n        total = 0;\n    }\n}\n",
            "@@ @@\n // what is counted\n     total = 0;\n+    most = 9;\n     i = 1;\n",
            Ok(
                "fn count() {\n    total = 0;\n    most = 9;\n    i = 1;\n    handle(data);\n    step(data);\n    if ready {\n        total = 0;\n    }\n}\n",
            ),
        ),
        // `NEARBY`, `MARGIN`: another function has them, too, and the one that is named is
        // mistyped.
        (
            "def first(path):\n    opened = read(path)\n    return opened\n\n\ndef third(path):\n    names = load(path)\n    names.sort()\n    names.reverse()\n    show(names)\n    return names\n\n\ndef second(path):\n    opened = read(path)\n    # There is nothing to do.\n    # Or is there?\n    return opened\n",
            "@@ @@\n def secnod(path):\n     opened = read(path)\n+    opened.check()\n     return opened\n",
            Err(Reason::Ambiguous),
        ),
    ]);
}

/// `MOST_BETWEEN` and `CUT`.
#[test]
fn where_a_number_or_a_heading_says() {
    check(&[
        // `MOST_BETWEEN`: it stands in one place, and where its number says with three lines
        // between.
        (
            "open();\nfirst();\nsecond();\nthird();\nread();\nclose();\nstep_1();\nstep_2();\nstep_3();\nstep_4();\nstep_5();\nstep_6();\nstep_7();\nstep_8();\nstep_9();\nstep_10();\nopen();\nread();\nclose();\n",
            "@@ -1,3 +1,3 @@\n open();\n-read();\n+read_all();\n close();\n",
            Err(Reason::Ambiguous),
        ),
        // `MOST_BETWEEN`: six lines are between, so that the number is just wrong.
        (
            "open();\nfirst();\nsecond();\nthird();\nfourth();\nfifth();\nsixth();\nread();\nclose();\nstep_1();\nstep_2();\nstep_3();\nstep_4();\nstep_5();\nstep_6();\nstep_7();\nstep_8();\nstep_9();\nstep_10();\nopen();\nread();\nclose();\n",
            "@@ -1,3 +1,3 @@\n open();\n-read();\n+read_all();\n close();\n",
            Ok(
                "open();\nfirst();\nsecond();\nthird();\nfourth();\nfifth();\nsixth();\nread();\nclose();\nstep_1();\nstep_2();\nstep_3();\nstep_4();\nstep_5();\nstep_6();\nstep_7();\nstep_8();\nstep_9();\nstep_10();\nopen();\nread_all();\nclose();\n",
            ),
        ),
        // Two lines are no hunk that others came between.
        (
            "}\nfirst();\nreturn read();\nstep_1();\nstep_2();\nstep_3();\nstep_4();\nstep_5();\nstep_6();\nstep_7();\nstep_8();\nstep_9();\nstep_10();\nstep_11();\nstep_12();\nstep_13();\nstep_14();\nstep_15();\n}\nreturn read();\n",
            "@@ -1,2 +1,2 @@\n }\n-return read();\n+return read_all();\n",
            Ok(
                "}\nfirst();\nreturn read();\nstep_1();\nstep_2();\nstep_3();\nstep_4();\nstep_5();\nstep_6();\nstep_7();\nstep_8();\nstep_9();\nstep_10();\nstep_11();\nstep_12();\nstep_13();\nstep_14();\nstep_15();\n}\nreturn read_all();\n",
            ),
        ),
        // The number is off by a few lines, so that the place is among those where it is looked
        // for.
        (
            "first();\nsecond();\nthird();\ncheck();\nfourth();\nfifth();\ncheck();\nread();\nclose();\n",
            "@@ -1,3 +1,3 @@\n check();\n-read();\n+read_all();\n close();\n",
            Ok(
                "first();\nsecond();\nthird();\ncheck();\nfourth();\nfifth();\ncheck();\nread_all();\nclose();\n",
            ),
        ),
        // `CUT`: the heading is cut off at its 50th byte.
        (
            "def a_function_that_has_a_rather_long_name(first, second, third):\n    one()\n    return first\n\n\ndef another(first):\n    one()\n    return first\n",
            "@@ -31,2 +31,2 @@ def a_function_that_has_a_rather_long_name(first\n     one()\n-    return first\n+    return second\n",
            Ok(
                "def a_function_that_has_a_rather_long_name(first, second, third):\n    one()\n    return second\n\n\ndef another(first):\n    one()\n    return first\n",
            ),
        ),
        // `CUT`: a shorter one is another name.
        (
            "def read_all_of_the_lines_again(first):\n    one()\n    return first\n\n\ndef another(first):\n    one()\n    return first\n",
            "@@ -31,2 +31,2 @@ def read_all_of_the_lines\n     one()\n-    return first\n+    return second\n",
            Err(Reason::Ambiguous),
        ),
    ]);
}

/// `LEAST_SAID`.
#[test]
fn what_is_there_already_says_enough() {
    check(&[
        // A bracket may be one more than there is.
        (
            "x {\ny {\n}\nmore();\n",
            "@@ -1,2 +1,3 @@\n x {\n y {\n+}\n",
            Ok("x {\ny {\n}\n}\nmore();\n"),
        ),
        // So may an `end;`.
        (
            "begin\nbegin\nend;\nmore();\n",
            "@@ -1,2 +1,3 @@\n begin\n begin\n+end;\n",
            Ok("begin\nbegin\nend;\nend;\nmore();\n"),
        ),
    ]);
}

/// `MOST_RUNS`, and rounds and turns without a limit.
#[test]
fn each_hunk_and_each_empty_line_for_itself() {
    check(&[
        // `MOST_RUNS`: two of three empty lines are context.
        (
            "one();\ntwo();\n\nthree();\nfour();\nfive();\n\nsix();\n",
            "@@ @@\n one();\n-two();\n+TWO();\n\n three();\n+more();\n\n+MORE();\n four();\n-five();\n+FIVE();\n\n six();\n",
            Ok("one();\nTWO();\n\nthree();\nmore();\n\nMORE();\nfour();\nFIVE();\n\nsix();\n"),
        ),
        // Each hunk changes what the one before it left.
        (
            "one();\ntwo();\nthree();\n",
            "@@ -1,2 +1,2 @@\n-one();\n+first();\n two();\n@@ -1,2 +1,2 @@\n-first();\n+first_of_all();\n two();\n@@ -1,2 +1,2 @@\n-first_of_all();\n+the_first_of_all();\n two();\n@@ -1,2 +1,2 @@\n-the_first_of_all();\n+the_very_first_of_all();\n two();\n",
            Ok("the_very_first_of_all();\ntwo();\nthree();\n"),
        ),
        // As many equal hunks as places.
        (
            "one();\ntwo();\none();\ntwo();\none();\ntwo();\none();\ntwo();\n",
            "@@ @@\n one();\n-two();\n+TWO();\n@@ @@\n one();\n-two();\n+TWO();\n@@ @@\n one();\n-two();\n+TWO();\n@@ @@\n one();\n-two();\n+TWO();\n",
            Ok("one();\nTWO();\none();\nTWO();\none();\nTWO();\none();\nTWO();\n"),
        ),
    ]);
}

/// `MANY` and `WIDEST`, and whatever the reply indents otherwise.
#[test]
fn what_a_file_is_indented_with() {
    check(&[
        // One line is enough where the reply is not like the file.
        (
            "start {\n    only_one();\n}\n",
            "@@ @@\n start {\n     olny_one();\n+\tnew();\n }\n",
            Err(Reason::NotFound),
        ),
        // `MANY`: lines that go on with those above are no habit, and this tab is right.
        (
            "SOURCES = one.c \\\n    two.c \\\n    three.c \\\n    four.c \\\n    five.c\n\nall: one\n",
            "@@ -7,1 +7,2 @@\n all: one\n+\tcc $(SOURCES)\n",
            Ok(
                "SOURCES = one.c \\\n    two.c \\\n    three.c \\\n    four.c \\\n    five.c\n\nall: one\n\tcc $(SOURCES)\n",
            ),
        ),
        // `MANY`: eight lines are one.
        (
            "start {\n    one();\n    two();\n    three();\n    four();\n    five();\n    six();\n    seven();\n    eight();\n}\n",
            "@@ @@\n     seven();\n+\tnew();\n     eight();\n",
            Err(Reason::NotFound),
        ),
        // `WIDEST`: a tab for each eight blanks.
        (
            "start {\n\tone();\n\tif (ready)\n\t\ttwo();\n}\n",
            "@@ @@\n         one();\n         if (ready)\n-                two();\n+                three();\n+        else\n+                four();\n",
            Ok("start {\n\tone();\n\tif (ready)\n\t\tthree();\n\telse\n\t\tfour();\n}\n"),
        ),
        // `WIDEST`: eight blanks for each tab.
        (
            "start {\n        one();\n        if (ready)\n                two();\n}\n",
            "@@ @@\n \tone();\n \tif (ready)\n-\t\ttwo();\n+\t\tthree();\n+\telse\n+\t\tfour();\n",
            Ok(
                "start {\n        one();\n        if (ready)\n                three();\n        else\n                four();\n}\n",
            ),
        ),
    ]);
}

/// Of what a line shares with the one that it replaces, words tell which quote is which.
#[test]
fn quotes_of_words_alone_are_the_files() {
    check(&[
        // The apostrophe is none of the two quotes.
        (
            "start();\nIt was ‘a’.\ndone();\n",
            "@@ @@\n start();\n-It was 'a'.\n+It was x's.\n done();\n",
            Err(Reason::Ambiguous),
        ),
        // One letter is a word.
        (
            "Names:\n“x”\n“y”\n",
            "@@ @@\n Names:\n-\"x\"\n+\"x\" first\n \"y\"\n",
            Ok("Names:\n“x” first\n“y”\n"),
        ),
    ]);
}
