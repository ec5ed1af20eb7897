using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// What the compiler knows at a place of a cell that is being written: names that could stand there, and what a name is. It reads the
/// compilation the cell would have as the next submission; nothing runs.
/// </summary>
/// <param name="engine">The session.</param>
internal sealed class CodeInsight(CSharpKernel engine)
{
    const int MostNames = 400;

    static readonly SymbolDisplayFormat Signature = SymbolDisplayFormat.MinimallyQualifiedFormat
        .WithMemberOptions(SymbolDisplayMemberOptions.IncludeParameters | SymbolDisplayMemberOptions.IncludeType | SymbolDisplayMemberOptions.IncludeContainingType)
        .WithParameterOptions(SymbolDisplayParameterOptions.IncludeType | SymbolDisplayParameterOptions.IncludeName | SymbolDisplayParameterOptions.IncludeDefaultValue)
        .WithLocalOptions(SymbolDisplayLocalOptions.IncludeType);

    /// <summary>Names that can stand at the cursor.</summary>
    /// <param name="code">The cell.</param>
    /// <param name="cursor">UTF-16 position.</param>
    /// <returns>The names in alphabetical order and the start of the word they replace.</returns>
    internal (IReadOnlyList<string> Names, int Start) Complete(string code, int cursor)
    {
        var line = code[..cursor].LastIndexOf('\n') + 1;
        if (Directives.IsMagic(code[line..cursor]))
        {
            return ([.. engine.MagicNames.Where(name => name.StartsWith(code[line..cursor], StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)], line);
        }
        var start = WordStart(code, cursor);
        var prefix = code[start..cursor];
        if (Model(code, out var root) is not { } model)
        {
            return ([], start);
        }
        var receiver = Receiver(root, start);
        var symbols = receiver is null ? model.LookupSymbols(start) : Members(model, receiver);
        var names = symbols.Where(symbol => symbol.CanBeReferencedByName && symbol.Name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
                && !symbol.Name.StartsWith('<') && symbol is not IMethodSymbol { MethodKind: MethodKind.Constructor or MethodKind.UserDefinedOperator })
            .Select(symbol => symbol.Name);
        if (receiver is null && prefix.Length > 0)
        {
            names = names.Concat(SyntaxFacts.GetKeywordKinds().Select(SyntaxFacts.GetText).Where(word => word.StartsWith(prefix, StringComparison.Ordinal)));
        }
        var sorted = names.Distinct().OrderBy(name => name, StringComparer.OrdinalIgnoreCase).Take(MostNames);
        return ([.. sorted], start);
    }

    /// <summary>Signatures and documentation of what stands at the cursor, or null when it is nothing that has a name.</summary>
    /// <param name="code">The cell.</param>
    /// <param name="cursor">UTF-16 position.</param>
    internal string? Inspect(string code, int cursor)
    {
        if (Model(code, out var root) is not { } model)
        {
            return null;
        }
        var token = root.FindToken(Math.Max(0, Math.Min(cursor, code.Length - 1)));
        if (!token.IsKind(SyntaxKind.IdentifierToken) && cursor > 0)
        {
            // Just after a name, or inside the brackets of a call: the name before.
            var word = code.LastIndexOfAny([.. "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"], Math.Min(cursor, code.Length) - 1);
            token = word < 0 ? token : root.FindToken(word);
        }
        if (token.Parent is not { } node)
        {
            return null;
        }
        var info = model.GetSymbolInfo(node);
        ImmutableArray<ISymbol> symbols = info.Symbol is { } one ? [one] : info.CandidateSymbols.Length > 0 ? info.CandidateSymbols
            : model.GetDeclaredSymbol(node) is { } declared ? [declared] : [];
        if (symbols.IsEmpty)
        {
            return null;
        }
        var lines = symbols.Take(8).Select(symbol => symbol.ToDisplayString(Signature)).ToList();
        if (symbols[0] is ILocalSymbol or IFieldSymbol && engine.Variable(symbols[0].Name) is { } value)
        {
            lines.Add("value: " + value);
        }
        var summary = Summary(symbols[0].GetDocumentationCommentXml());
        return string.Join('\n', summary is null ? lines : [.. lines, summary]);
    }

    SemanticModel? Model(string code, out SyntaxNode root)
    {
        var compilation = engine.Preview(code);   // directives in it are no obstacle: nothing of what they name is asked for
        var tree = compilation?.SyntaxTrees.FirstOrDefault();
        root = tree?.GetRoot() ?? SyntaxFactory.CompilationUnit();
        return tree is null ? null : compilation!.GetSemanticModel(tree);
    }

    static int WordStart(string code, int cursor)
    {
        while (cursor > 0 && (char.IsLetterOrDigit(code[cursor - 1]) || code[cursor - 1] == '_'))
        {
            cursor--;
        }
        return cursor;
    }

    /// <summary>The expression before the dot that ends at <paramref name="start"/>, or null when there is no dot.</summary>
    static ExpressionSyntax? Receiver(SyntaxNode root, int start)
    {
        var dot = start > 0 ? root.FindToken(start - 1) : default;
        return dot.IsKind(SyntaxKind.DotToken)
            ? dot.Parent switch
            {
                MemberAccessExpressionSyntax access => access.Expression,
                MemberBindingExpressionSyntax { Parent: var parent } => parent?.FirstAncestorOrSelf<ConditionalAccessExpressionSyntax>()?.Expression,
                QualifiedNameSyntax name => name.Left,
                _ => null,
            }
            : null;
    }

    static ImmutableArray<ISymbol> Members(SemanticModel model, ExpressionSyntax receiver)
    {
        var at = receiver.Span.End;
        var symbol = model.GetSymbolInfo(receiver).Symbol;
        if (symbol is INamespaceOrTypeSymbol container)
        {
            return [.. model.LookupSymbols(at, container).Where(member => member.IsStatic || member is INamespaceOrTypeSymbol)];
        }
        var type = model.GetTypeInfo(receiver).Type;
        return type is null or IErrorTypeSymbol
            ? []
            : [.. model.LookupSymbols(at, type, includeReducedExtensionMethods: true).Where(member => !member.IsStatic || member is IMethodSymbol { ReducedFrom: not null })];
    }

    static string? Summary(string? xml)
    {
        var start = xml?.IndexOf("<summary>", StringComparison.Ordinal) ?? -1;
        var end = start < 0 ? -1 : xml!.IndexOf("</summary>", start, StringComparison.Ordinal);
        return end < 0 ? null : string.Join(' ', xml![(start + 9)..end].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}
