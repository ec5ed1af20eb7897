using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace HeadKvLab.Tests.Engine;

/// <summary>The public surface of an assembly as sorted lines, one a member: what code compiled against it can depend on.</summary>
internal static class Surface
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    internal static IEnumerable<string> Of(Assembly assembly) =>
        assembly.GetExportedTypes().SelectMany(Of).Distinct().Order(StringComparer.Ordinal);

    private static IEnumerable<string> Of(Type type)
    {
        string kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct" : type.IsAbstract && type.IsSealed ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class";
        string owner = Name(type, full: true);
        yield return $"{kind} {owner}";
        if (type.IsEnum)
        {
            foreach (string name in Enum.GetNames(type)) yield return $"{owner}: {name} = {Convert.ToInt64(Enum.Parse(type, name), CultureInfo.InvariantCulture)}";
            yield break;
        }
        foreach (ConstructorInfo c in type.GetConstructors(Declared))
            if (Seen(c)) yield return $"{owner}: {Access(c)}new({Parameters(c)})";
        foreach (MethodInfo m in type.GetMethods(Declared))
        {
            if (!Seen(m) || Overrides(m)) continue;
            if (m.IsSpecialName && !m.Name.StartsWith("op_", StringComparison.Ordinal)) continue;
            string generic = m.IsGenericMethod ? "<" + string.Join(", ", m.GetGenericArguments().Select(a => a.Name)) + ">" : "";
            yield return $"{owner}: {Access(m)}{(m.IsStatic ? "static " : "")}{Name(m.ReturnType)} {m.Name}{generic}({Parameters(m)})";
        }
        foreach (PropertyInfo p in type.GetProperties(Declared))
        {
            MethodInfo? get = p.GetMethod is { } g && Seen(g) ? g : null, set = p.SetMethod is { } s && Seen(s) ? s : null;
            if ((get ?? set) is not { } any || Overrides(any)) continue;
            string index = p.GetIndexParameters().Length > 0 ? $"[{string.Join(", ", p.GetIndexParameters().Select(Parameter))}]" : "";
            yield return $"{owner}: {Access(any)}{(any.IsStatic ? "static " : "")}{Name(p.PropertyType)} {p.Name}{index} {{ {(get is null ? "" : "get; ")}{(set is null ? "" : "set; ")}}}";
        }
        foreach (FieldInfo f in type.GetFields(Declared))
            if (f.IsPublic || f.IsFamily) yield return $"{owner}: {(f.IsStatic ? "static " : "")}{Name(f.FieldType)} {f.Name}";
    }

    private static bool Seen(MethodBase m) => m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly;
    private static bool Overrides(MethodInfo m) => m.IsVirtual && m.GetBaseDefinition() != m;
    private static string Access(MethodBase m) => m.IsPublic ? "" : "protected ";
    private static string Parameters(MethodBase m) => string.Join(", ", m.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo p) =>
        (p.IsDefined(typeof(ParamArrayAttribute)) || p.IsDefined(typeof(ParamCollectionAttribute)) ? "params " : "")
        + $"{Name(p.ParameterType)} {p.Name}{(p.HasDefaultValue ? " = " + Text(p.RawDefaultValue) : "")}";

    private static string Text(object? value) => value switch
    {
        null => "null",
        string s => $"\"{s}\"",
        bool b => b ? "true" : "false",
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    private static string Name(Type type, bool full = false)
    {
        if (type.IsByRef) return "ref " + Name(type.GetElementType()!);
        if (type.IsArray) return $"{Name(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (Nullable.GetUnderlyingType(type) is { } inner) return Name(inner) + "?";
        if (Keywords.TryGetValue(type, out string? keyword)) return keyword;
        string name = type.Name.Split('`')[0];
        if (type.IsGenericType)
        {
            Type[] arguments = type.GetGenericArguments();
            if (name == "ValueTuple") return "(" + string.Join(", ", arguments.Select(a => Name(a))) + ")";
            name += "<" + string.Join(", ", arguments.Select(a => Name(a))) + ">";
        }
        if (type.IsGenericParameter || !full) return name;
        return type.DeclaringType is { } outer ? $"{Name(outer, full: true)}.{name}" : $"{type.Namespace}.{name}";
    }

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void", [typeof(bool)] = "bool", [typeof(byte)] = "byte", [typeof(sbyte)] = "sbyte", [typeof(short)] = "short", [typeof(ushort)] = "ushort", [typeof(int)] = "int",
        [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(float)] = "float", [typeof(double)] = "double", [typeof(string)] = "string", [typeof(object)] = "object",
    };
}
