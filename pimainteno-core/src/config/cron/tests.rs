use super::*;

/// The first `count` times after midnight of 1 January 2026, a Thursday.
fn times(expression: &str, count: usize) -> Vec<String> {
    let expression = expression.parse::<CronExpression>().unwrap();
    let mut from = "2026-01-01T00:00:00".parse().unwrap();
    let next = || {
        let next: DateTime = expression.next(from)?;
        from = next.checked_add(jiff::Span::new().seconds(1)).unwrap();
        Some(next.strftime("%y-%m-%d %a %T").to_string())
    };
    std::iter::from_fn(next).take(count).collect()
}

fn days(expression: &str, count: usize) -> Vec<String> {
    times(expression, count).iter().map(|time| time[..12].to_owned()).collect()
}

#[test]
fn five_six_and_seven_fields_are_read() {
    assert_eq!(times("30 2 * * *", 2), ["26-01-01 Thu 02:30:00", "26-01-02 Fri 02:30:00"]);
    assert_eq!(
        times("*/20 30 2 * * *", 3),
        ["26-01-01 Thu 02:30:00", "26-01-01 Thu 02:30:20", "26-01-01 Thu 02:30:40"]
    );
    assert_eq!(
        times("0 0 12 1 jul * 2027-2028", 9),
        ["27-07-01 Thu 12:00:00", "28-07-01 Sat 12:00:00"]
    );
    assert_eq!(times("@weekly", 1), ["26-01-04 Sun 00:00:00"]);
    let nightly = CronExpression::default().to_string();
    assert_eq!(times(&nightly, 1), ["26-01-01 Thu 03:00:00"]);
}

#[test]
fn days_of_the_week_count_as_in_crontab() {
    assert_eq!(days("0 0 * * 0", 2), ["26-01-04 Sun", "26-01-11 Sun"]);
    assert_eq!(days("0 0 * * 7", 2), ["26-01-04 Sun", "26-01-11 Sun"]);
    assert_eq!(days("0 0 * * 1", 1), ["26-01-05 Mon"]);
    assert_eq!(days("0 0 * * 6", 1), ["26-01-03 Sat"]);
    assert_eq!(
        days("0 0 * * 5-7", 4),
        ["26-01-02 Fri", "26-01-03 Sat", "26-01-04 Sun", "26-01-09 Fri"]
    );
    assert_eq!(days("0 0 * * Fri-SUN", 4), days("0 0 * * 5-7", 4));
    assert_eq!(days("0 0 * * 0-1,wed", 3), ["26-01-04 Sun", "26-01-05 Mon", "26-01-07 Wed"]);
    assert_eq!(
        days("0 0 * * */2", 4),
        ["26-01-01 Thu", "26-01-03 Sat", "26-01-04 Sun", "26-01-06 Tue"]
    );
    assert_eq!(
        days("0 0 * * 1/2", 4),
        ["26-01-02 Fri", "26-01-05 Mon", "26-01-07 Wed", "26-01-09 Fri"]
    );
}

#[test]
fn a_restricted_day_of_the_month_or_of_the_week_suffices() {
    assert_eq!(
        days("0 0 13 * 5", 4),
        ["26-01-02 Fri", "26-01-09 Fri", "26-01-13 Tue", "26-01-16 Fri"]
    );
    assert_eq!(days("0 0 13 * *", 2), ["26-01-13 Tue", "26-02-13 Fri"]);
    // A star with a step does not count as a restriction, so that both must fit.
    assert_eq!(days("0 0 */12 * 5", 2), ["26-02-13 Fri", "26-03-13 Fri"]);
}

#[test]
fn lists_ranges_and_steps_are_read() {
    let minutes = |field| {
        times(&format!("{field} 0 1 1 *"), 60).iter().filter(|time| time.starts_with("26")).count()
    };
    assert_eq!(
        ["*", "*/7", "5/15", "10-20", "10-20/5", "1,2,2,50-52"].map(minutes),
        [60, 9, 4, 11, 3, 5]
    );
}

#[test]
fn a_leap_day_waits_for_its_year() {
    assert_eq!(days("0 0 29 2 *", 3), ["28-02-29 Tue", "32-02-29 Sun", "36-02-29 Fri"]);
    // Both the day and its day of the week must fit, because of the star.
    assert_eq!(days("0 0 29 2 */6", 2), ["32-02-29 Sun", "48-02-29 Sat"]);
}

#[test]
fn what_never_comes_is_refused_or_ends() {
    assert_eq!(
        "0 0 30 2 *".parse::<CronExpression>().unwrap_err(),
        "the day of `0 0 30 2 *` is in no month of any year"
    );
    assert_eq!(
        "0 0 31 4,6,9,11 *".parse::<CronExpression>().unwrap_err(),
        "the day of `0 0 31 4,6,9,11 *` is in no month of any year"
    );
    assert_eq!(times("0 0 0 29 2 * 2027", 1), Vec::<String>::new());
    assert_eq!(times("0 0 0 1 1 * 2020", 1), Vec::<String>::new());
    assert_eq!(times("0 0 0 31 12 * 2099", 2), ["99-12-31 Thu 00:00:00"]);
}

#[test]
fn a_bad_expression_is_told_what_is_wrong() {
    let error = |text: &str| text.parse::<CronExpression>().unwrap_err();
    assert_eq!(
        error("* * *"),
        "not a cron expression: `* * *`; it has 5 fields (minute hour day month weekday), 6 (seconds first) or 7 (years last)"
    );
    assert_eq!(
        error("0 24 * * *"),
        "`24` does not fit the field hour: it takes 0 to 23, lists `1,2`, ranges `1-5` and steps `*/2`"
    );
    assert_eq!(
        error("0 0 * * monday"),
        "`monday` does not fit the field day of the week: it takes 0 to 7, or sun to sat, lists `1,2`, ranges `1-5` and steps `*/2`"
    );
    assert_eq!(error("0 20-4 * * *"), "the range `20-4` of the field hour runs backwards");
    for text in [
        "",
        "@reboot",
        "*/0 * * * *",
        "-1 * * * *",
        "1, * * * *",
        "1- * * * *",
        "+1 * * * *",
        "0 0 ? * 2",
        "99999 * * * *",
        "a/2 * * * *",
    ] {
        assert!(text.parse::<CronExpression>().is_err(), "{text}");
    }
}
