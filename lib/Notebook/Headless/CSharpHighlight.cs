using System.Net;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace HeadKvLab.Notebook.Headless;

/// <summary>C# code as HTML with its keywords, texts, numbers, comments and directives marked, by the compiler's own lexer.</summary>
internal static class CSharpHighlight
{
    internal static string Html(string code)
    {
        var html = new StringBuilder();
        foreach (var token in CSharpSyntaxTree.ParseText(code, CSharpParseOptions.Default.WithKind(SourceCodeKind.Script)).GetRoot().DescendantTokens())
        {
            Trivia(token.LeadingTrivia, html);
            Span(token.Text, ClassOf(token), html);
            Trivia(token.TrailingTrivia, html);
        }
        return html.ToString();
    }

    static void Trivia(SyntaxTriviaList list, StringBuilder html)
    {
        foreach (var trivia in list)
        {
            var kind = trivia.Kind();
            var isComment = kind is SyntaxKind.SingleLineCommentTrivia or SyntaxKind.MultiLineCommentTrivia or SyntaxKind.SingleLineDocumentationCommentTrivia;
            Span(trivia.ToFullString(), isComment ? "c" : trivia.IsDirective ? "d" : null, html);
        }
    }

    static string? ClassOf(SyntaxToken token)
    {
        var kind = token.Kind();
        if (token.IsKeyword() || SyntaxFacts.IsContextualKeyword(kind) || (kind == SyntaxKind.IdentifierToken && token.Text is "var" or "await" or "record" or "yield"))
        {
            return "k";
        }
        return kind switch
        {
            SyntaxKind.NumericLiteralToken => "n",
            SyntaxKind.IdentifierToken => char.IsUpper(token.Text[0]) ? "t" : null,
            _ => kind == SyntaxKind.CharacterLiteralToken || kind.ToString().Contains("String", StringComparison.Ordinal) ? "s" : null,   // whole ones and pieces of interpolated ones
        };
    }

    static void Span(string text, string? className, StringBuilder html)
    {
        var escaped = WebUtility.HtmlEncode(text);
        html.Append(className is null || text.Length == 0 ? escaped : $"<span class=\"{className}\">{escaped}</span>");
    }
}
