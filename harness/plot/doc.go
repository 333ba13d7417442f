// Package plot draws the figures of a run with gonum/plot: tables in, pictures out. It knows no files but those it writes
// and computes nothing but which points are on a front. The way of the data:
//
//  1. A [Front] or [Shares] holds the numbers, in the units of the table that they come from; [Axis] says what to call
//     them and by how much to multiply them ("USD per 1,000 prompts").
//  2. Draw lays the figure out on a canvas: data on the left, legend outside of it on the right, or below where the
//     [Style] has the width of one column.
//  3. [Save] writes it as PNG (at twice the screen's resolution), SVG and PDF, and the numbers behind it as CSV.
//
// Colour and marker mean the family of a policy. Only points on a policy's own front are drawn full. Colours are those
// of Okabe and Ito ("Color Universal Design", 2008), which people with colour vision deficiencies can tell apart.
//
// Files of equal input are equal to the byte.
package plot
