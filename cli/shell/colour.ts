/**
 * Imported before anything else: output that is not a terminal's gets no escape codes
 * (https://no-color.org).
 */
if (!process.stdout.isTTY) process.env.NO_COLOR ??= '1'
