// SPDX-License-Identifier: GPL-3.0-or-later
// The page's looks. Colours are told apart by who sees no red or green, too, and by their lightness.
#pragma once

#include <string_view>

namespace coturn_guard {

inline constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#1b2430;--soft:#5b6675;--line:#dfe3e8;
--c0:#2f6fde;--c1:#e8842c;--c2:#1f9e89;--c3:#b5407f;--c4:#7a5bd0;--c5:#c7a416;--c6:#3fa9d6;--c7:#98a2ae;--good:#1f9e89;--bad:#c2402f}
@media(prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b212a;--ink:#e6eaf0;--soft:#98a3b3;--line:#2d3541;
--c0:#6ea2ff;--c1:#ffa75c;--c2:#4fd1b8;--c3:#e57ab3;--c4:#a993f5;--c5:#e6c84a;--c6:#7fd0f2;--c7:#78838f;--good:#4fd1b8;--bad:#ff8672}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 48px}
header h1{margin:0;font-size:26px;letter-spacing:-.01em}header p{margin:2px 0 20px;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:14px;margin:0 0 16px;padding:0;list-style:none}
.tiles li,section{background:var(--card);border:1px solid var(--line);border-radius:12px}
.tiles li{padding:14px 16px}.tiles b{display:block;font-size:27px;line-height:1.2;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:13px}.tiles small{display:block;color:var(--soft);font-size:12.5px;min-height:1.5em}
section{padding:18px 20px 16px;margin:0 0 16px;min-width:0;break-inside:avoid}
h2{margin:0 0 2px;font-size:17px}section>p{margin:0 0 12px;color:var(--soft);max-width:75ch}
.two{display:grid;grid-template-columns:1fr 1fr;gap:0 16px;align-items:start}
.plot{display:grid;grid-template-columns:auto 1fr;column-gap:8px}
.plot>svg{width:100%;height:210px;display:block;overflow:visible}.small .plot>svg{height:120px}
.scale{display:flex;flex-direction:column;justify-content:space-between;text-align:right;margin:-9px 0;font-size:12px;color:var(--soft);font-variant-numeric:tabular-nums}
.times{grid-column:2;display:flex;justify-content:space-between;font-size:12px;color:var(--soft);padding-top:5px;white-space:nowrap}
.grid,.ground{vector-effect:non-scaling-stroke;stroke:var(--line);stroke-width:1}.ground{stroke:var(--soft)}
.hover{fill:transparent}g:hover>.hover{fill:var(--ink);fill-opacity:.07}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:12px 0 0;padding:0;list-style:none;font-size:13.5px}
.legend i,.key{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
.legend b{font-variant-numeric:tabular-nums;margin-left:3px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--soft);text-align:left;white-space:nowrap}th,td{padding:5px 12px 5px 0;border-bottom:1px solid var(--line);vertical-align:middle}
tr:last-child>*{border-bottom:0}.n{text-align:right}td.wide{width:34%}code{font:13px ui-monospace,"DejaVu Sans Mono",monospace}
.bar{display:block;width:100%;height:10px;border-radius:3px;background:var(--page)}
.mix{display:flex;height:26px;border-radius:6px;overflow:hidden;gap:2px;margin:4px 0 10px}.mix i{min-width:3px}
.scroll{overflow-x:auto}.warn{border-left:4px solid var(--bad)}.good{color:var(--good)}.bad{color:var(--bad)}
.label{margin:14px 0 8px;font-size:13.5px}.label b{font-variant-numeric:tabular-nums}
.verdict{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:16px 0 6px;padding:0;list-style:none}
.verdict b{font-size:21px;display:block;line-height:1.2}.verdict li{font-size:13px;color:var(--soft)}
footer{color:var(--soft);font-size:13px}
.c0{fill:var(--c0);background:var(--c0)}.c1{fill:var(--c1);background:var(--c1)}.c2{fill:var(--c2);background:var(--c2)}
.c3{fill:var(--c3);background:var(--c3)}.c4{fill:var(--c4);background:var(--c4)}.c5{fill:var(--c5);background:var(--c5)}
.c6{fill:var(--c6);background:var(--c6)}.c7{fill:var(--c7);background:var(--c7)}
@media(max-width:760px){main{padding:18px 12px 32px}.two{grid-template-columns:1fr}section{padding:15px 14px 13px}
.plot>svg{height:170px}.times span:nth-child(even){display:none}.tiles{grid-template-columns:1fr 1fr;gap:10px}.tiles b{font-size:23px}.tiles li:last-child{grid-column:1/-1}.hide{display:none}}
@media print{:root{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}main{max-width:none;padding:0}}
)";

}  // namespace coturn_guard
