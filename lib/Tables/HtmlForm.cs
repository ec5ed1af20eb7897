using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace HeadKvLab.Tables;

/// <summary>
/// Writes tables as HTML. What matters without style sheets and scripts, alignment and the mark of the best, is in the
/// elements themselves; the script only makes the headings sort.
/// </summary>
internal static class HtmlForm
{
    private const string Style = """
        .headkvlab-table{border-collapse:collapse;font-size:13px;margin:8px 0;font-variant-numeric:tabular-nums;color:#1a1a1a;background:#fff}
        .headkvlab-table caption{text-align:left;font-weight:600;font-size:14px;padding:0 0 6px;color:#1a1a1a;caption-side:top}
        .headkvlab-table th{border-bottom:2px solid #9a9a9a;padding:5px 10px;font-weight:600;max-width:8.5em;vertical-align:bottom}
        .headkvlab-table td{border-bottom:1px solid #e4e4e4;padding:4px 10px;white-space:nowrap}
        .headkvlab-table tfoot td{border-bottom:0;padding:6px 10px 0;white-space:normal;color:#555;font-size:12px;background:#fff}
        .headkvlab-table tbody tr:nth-child(even){background:#f7f9fa}
        .headkvlab-table tbody tr:hover{background:#e8f1f7}
        .headkvlab-table small{color:#555;font-size:12px}
        .headkvlab-table b{color:#0b5a8a}
        .headkvlab-table[data-live] th{cursor:pointer}
        .headkvlab-table[data-live] th[aria-sort="ascending"]::after{content:" \25B4"}
        .headkvlab-table[data-live] th[aria-sort="descending"]::after{content:" \25BE"}
        """;

    private const string Script = """
        (function () {
          document.querySelectorAll('table[data-table="NAME"]:not([data-live])').forEach(function (table) {
            table.setAttribute('data-live', 'yes');
            var heads = table.tHead.rows[0].cells, body = table.tBodies[0];
            function key(row, at) { var cell = row.cells[at]; return cell.hasAttribute('data-key') ? cell.getAttribute('data-key') : cell.textContent; }
            function sort(at) {
              var number = heads[at].hasAttribute('data-number'), before = heads[at].getAttribute('aria-sort');
              var falling = before ? before === 'ascending' : number; // numbers: the largest first
              var rows = Array.prototype.slice.call(body.rows);
              rows.sort(function (a, b) {
                var x = key(a, at), y = key(b, at);
                if (x === y) return 0;
                if (x === '') return 1;
                if (y === '') return -1;
                var order = number ? Number(x) - Number(y) : x < y ? -1 : 1;
                return falling ? -order : order;
              });
              for (var i = 0; i < heads.length; i++) heads[i].removeAttribute('aria-sort');
              heads[at].setAttribute('aria-sort', falling ? 'descending' : 'ascending');
              rows.forEach(function (row) { body.appendChild(row); });
            }
            Array.prototype.forEach.call(heads, function (head, at) {
              head.tabIndex = 0;
              head.title = 'Sort by this column';
              head.onclick = function () { sort(at); };
              head.onkeydown = function (event) { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); sort(at); } };
            });
          });
        })();
        """;

    internal static string Write(Table table)
    {
        var rows = new StringBuilder();
        if (table.Name.Length > 0) rows.Append("<caption>").Append(Escape(table.Name)).Append("</caption>");
        rows.Append("<thead><tr>");
        foreach (var column in table.Columns)
            rows.Append("<th scope=\"col\"").Append(IsNumber(column) ? " data-number" : "").Append(Aligned(column)).Append('>').Append(Escape(column.Heading)).Append("</th>");
        rows.Append("</tr></thead>\n<tbody>\n");
        foreach (var row in table.Rows)
        {
            rows.Append("<tr>");
            foreach (var (column, cell) in table.Columns.Zip(row)) AppendCell(rows, column, cell);
            rows.Append("</tr>\n");
        }
        rows.Append("</tbody>");
        string[] below = [.. table.MarkMeans.Length > 0 ? (string[])[$"<b>Bold</b>: {Escape(table.MarkMeans)}."] : [], .. table.Remarks.Select(Escape)];
        if (below.Length > 0)
            rows.Append(CultureInfo.InvariantCulture, $"<tfoot><tr><td colspan=\"{table.Columns.Count}\" align=\"left\" style=\"text-align:left\">").AppendJoin("<br/>", below).Append("</td></tr></tfoot>");
        var content = rows.ToString();
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)))[..16];
        return $"""
            <div class="headkvlab-result" style="overflow-x:auto"><style>
            {Style}
            </style><table class="headkvlab-table" data-table="{name}">{content}</table><script>
            {Script.Replace("NAME", name)}
            </script></div>
            """;
    }

    /// <summary>A text made safe for HTML and SVG, inside elements and inside quoted attributes.</summary>
    internal static string Escape(string text)
    {
        var safe = new StringBuilder(text.Length + 16);
        foreach (var letter in text)
        {
            switch (letter)
            {
                case '&': safe.Append("&amp;"); break;
                case '<': safe.Append("&lt;"); break;
                case '>': safe.Append("&gt;"); break;
                case '"': safe.Append("&quot;"); break;
                case '\'': safe.Append("&#39;"); break;
                case '\t' or '\n' or '\r': safe.Append(letter); break;
                case < ' ' or '\uFFFE' or '\uFFFF': safe.Append('\uFFFD'); break;
                default: safe.Append(letter); break;
            }
        }
        return safe.ToString();
    }

    private static void AppendCell(StringBuilder rows, Column column, Cell cell)
    {
        rows.Append("<td");
        if (IsNumber(column)) rows.Append(" data-key=\"").Append(double.IsNaN(cell.Key) ? "" : cell.Key.ToString("R", CultureInfo.InvariantCulture)).Append('"');
        rows.Append(Aligned(column)).Append('>');
        var value = Escape(cell.Text);
        rows.Append(cell.Marked ? $"<b title=\"best\">{value}</b>" : value);
        if (cell.Aside.Length > 0) rows.Append(" <small>").Append(Escape(cell.Aside)).Append("</small>");
        rows.Append("</td>");
    }

    private static bool IsNumber(Column column) => column.Align == Alignment.Right;

    private static string Aligned(Column column) =>
        IsNumber(column) ? " align=\"right\" style=\"text-align:right\"" : " align=\"left\" style=\"text-align:left\"";
}
