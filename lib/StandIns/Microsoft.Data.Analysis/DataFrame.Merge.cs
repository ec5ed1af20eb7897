namespace Microsoft.Data.Analysis;

/// <summary>Which rows a merge keeps when they have no partner.</summary>
public enum JoinAlgorithm
{
    /// <summary>Those of the left table.</summary>
    Left,
    /// <summary>Those of the right table.</summary>
    Right,
    /// <summary>Those of both tables.</summary>
    FullOuter,
    /// <summary>None.</summary>
    Inner,
}

public partial class DataFrame
{
    /// <summary>Pairs the rows of two tables that agree in one column.</summary>
    public DataFrame Merge<TKey>(DataFrame other, string leftJoinColumn, string rightJoinColumn, string leftSuffix = "_left", string rightSuffix = "_right", JoinAlgorithm joinAlgorithm = JoinAlgorithm.Left) =>
        Merge(other, [leftJoinColumn], [rightJoinColumn], leftSuffix, rightSuffix, joinAlgorithm);

    /// <summary>Pairs the rows of two tables that agree in all named columns; columns of one name in both get the suffixes.</summary>
    /// <param name="other">The right table.</param>
    /// <param name="leftJoinColumns">Columns of this table.</param>
    /// <param name="rightJoinColumns">Their partners in the right table, in the same order.</param>
    /// <param name="leftSuffix">Added to a name of this table that the right one has too.</param>
    /// <param name="rightSuffix">Added to the right table's.</param>
    /// <param name="joinAlgorithm">Which rows without a partner stay; what they lack is missing.</param>
    /// <returns>The columns of this table, then those of the other, both with their join columns.</returns>
    /// <exception cref="ArgumentException">The numbers of columns differ, or a column is unknown.</exception>
    public DataFrame Merge(DataFrame other, string[] leftJoinColumns, string[] rightJoinColumns, string leftSuffix = "_left", string rightSuffix = "_right", JoinAlgorithm joinAlgorithm = JoinAlgorithm.Left)
    {
        if (leftJoinColumns.Length != rightJoinColumns.Length)
            throw new ArgumentException($"{leftJoinColumns.Length} columns cannot be joined with {rightJoinColumns.Length}.", nameof(rightJoinColumns));
        var leftKeys = Keys(this, leftJoinColumns);
        var rightKeys = Keys(other, rightJoinColumns);
        var pairs = new List<(long? Left, long? Right)>();
        if (joinAlgorithm == JoinAlgorithm.Right)
        {
            Pair(rightKeys, leftKeys, keepLone: true, (right, left) => pairs.Add((left, right)));
        }
        else
        {
            Pair(leftKeys, rightKeys, keepLone: joinAlgorithm != JoinAlgorithm.Inner, (left, right) => pairs.Add((left, right)));
            if (joinAlgorithm == JoinAlgorithm.FullOuter)
            {
                var paired = pairs.Select(pair => pair.Right).ToHashSet();
                for (var row = 0L; row < rightKeys.Length; row++)
                    if (!paired.Contains(row)) pairs.Add((null, row));
            }
        }
        var left = Take(pairs.Select(pair => pair.Left)).Columns.ToArray();
        var right = other.Take(pairs.Select(pair => pair.Right)).Columns.ToArray();
        var shared = left.Select(column => column.Name).Intersect(right.Select(column => column.Name)).ToHashSet();
        return new DataFrame(left.Select(column => Renamed(column, shared, leftSuffix)).Concat(right.Select(column => Renamed(column, shared, rightSuffix))));
    }

    private static void Pair(Key[] kept, Key[] sought, bool keepLone, Action<long?, long?> found)
    {
        var places = new Dictionary<Key, List<long>>();
        for (var row = 0; row < sought.Length; row++)
        {
            if (!places.TryGetValue(sought[row], out var rows)) places.Add(sought[row], rows = []);
            rows.Add(row);
        }
        for (var row = 0; row < kept.Length; row++)
        {
            if (places.TryGetValue(kept[row], out var partners)) partners.ForEach(partner => found(row, partner));
            else if (keepLone) found(row, null);
        }
    }

    private static Key[] Keys(DataFrame frame, string[] names)
    {
        var columns = names.Select(name => frame.Columns[name]).ToArray();
        return [.. Enumerable.Range(0, (int)frame.Rows.Count).Select(row => new Key([.. columns.Select(column => column[row])]))];
    }

    private static DataFrameColumn Renamed(DataFrameColumn column, HashSet<string> shared, string suffix)
    {
        var copy = column.Take(column.AllRows().Select(row => (long?)row));
        if (shared.Contains(column.Name)) copy.SetName(column.Name + suffix);
        return copy;
    }

    /// <summary>The values by which a row is joined; equal when all values are.</summary>
    private readonly struct Key(object?[] values) : IEquatable<Key>
    {
        private readonly object?[] values = values;

        public bool Equals(Key other) => values.AsSpan().SequenceEqual(other.values);

        public override bool Equals(object? other) => other is Key key && Equals(key);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (var value in values) hash.Add(value);
            return hash.ToHashCode();
        }
    }
}
