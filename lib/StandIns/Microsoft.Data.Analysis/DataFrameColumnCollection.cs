using System.Collections.ObjectModel;

namespace Microsoft.Data.Analysis;

/// <summary>The columns of a frame: of equal length, each name once.</summary>
public class DataFrameColumnCollection : Collection<DataFrameColumn>
{
    internal DataFrameColumnCollection(IEnumerable<DataFrameColumn> columns)
    {
        foreach (var column in columns) Add(column);
    }

    /// <summary>The column of a name; setting it replaces that column, or adds it where there is none.</summary>
    /// <exception cref="ArgumentException">There is no column of that name.</exception>
    public DataFrameColumn this[string columnName]
    {
        get => IndexOf(columnName) is >= 0 and var index ? this[index] : throw Unknown(columnName);
        set
        {
            if (value.Name != columnName) value.SetName(columnName);
            if (IndexOf(columnName) is >= 0 and var index) this[index] = value;
            else Add(value);
        }
    }

    /// <summary>Place of the column of a name, -1 where there is none.</summary>
    public int IndexOf(string columnName)
    {
        for (var index = 0; index < Count; index++)
            if (this[index].Name == columnName) return index;
        return -1;
    }

    /// <summary>Takes the column of a name out.</summary>
    /// <exception cref="ArgumentException">There is no column of that name.</exception>
    public void Remove(string columnName)
    {
        if (IndexOf(columnName) is not (>= 0 and var index)) throw Unknown(columnName);
        RemoveAt(index);
    }

    /// <summary>Gives a column another name.</summary>
    /// <exception cref="ArgumentException">There is no column of the current name, or one of the new name.</exception>
    public void RenameColumn(string currentName, string newName) => this[currentName].SetName(newName);

    /// <summary>The column of a name as a column of numbers of double precision.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it is of another type.</exception>
    public DoubleDataFrameColumn GetDoubleColumn(string name) => Typed<DoubleDataFrameColumn>(name);

    /// <summary>The column of a name as a column of texts.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it is of another type.</exception>
    public StringDataFrameColumn GetStringColumn(string name) => Typed<StringDataFrameColumn>(name);

    /// <summary>The column of a name as a column of whole numbers of 32 bits.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it is of another type.</exception>
    public Int32DataFrameColumn GetInt32Column(string name) => Typed<Int32DataFrameColumn>(name);

    /// <summary>The column of a name as a column of numbers of single precision.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it is of another type.</exception>
    public SingleDataFrameColumn GetSingleColumn(string name) => Typed<SingleDataFrameColumn>(name);

    /// <summary>The column of a name as a column of values of type <typeparamref name="T"/>.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it is of another type.</exception>
    public PrimitiveDataFrameColumn<T> GetPrimitiveColumn<T>(string name) where T : unmanaged => Typed<PrimitiveDataFrameColumn<T>>(name);

    /// <inheritdoc/>
    protected override void InsertItem(int index, DataFrameColumn item)
    {
        Check(item, except: -1);
        item.AddOwner(this);
        base.InsertItem(index, item);
    }

    /// <inheritdoc/>
    protected override void SetItem(int index, DataFrameColumn item)
    {
        Check(item, except: index);
        this[index].RemoveOwner(this);
        item.AddOwner(this);
        base.SetItem(index, item);
    }

    /// <inheritdoc/>
    protected override void RemoveItem(int index)
    {
        this[index].RemoveOwner(this);
        base.RemoveItem(index);
    }

    /// <inheritdoc/>
    protected override void ClearItems()
    {
        foreach (var column in this) column.RemoveOwner(this);
        base.ClearItems();
    }

    internal void CheckRename(DataFrameColumn column, string newName)
    {
        if (IndexOf(newName) is >= 0 and var index && this[index] != column) throw Duplicate(newName);
    }

    private void Check(DataFrameColumn item, int except)
    {
        ArgumentNullException.ThrowIfNull(item);
        var others = this.Where((_, index) => index != except).ToArray();
        if (others.Length > 0 && others[0].Length != item.Length)
            throw new ArgumentException($"Column '{item.Name}' has {item.Length} values, the frame has {others[0].Length} rows.", nameof(item));
        if (others.Any(other => other.Name == item.Name)) throw Duplicate(item.Name);
    }

    private TColumn Typed<TColumn>(string name) where TColumn : DataFrameColumn => this[name] as TColumn
        ?? throw new ArgumentException($"Column '{name}' holds {this[name].DataType.Name}: it is not a {typeof(TColumn).Name}.", nameof(name));

    private static ArgumentException Duplicate(string name) => new($"The frame has a column '{name}' already.");

    private ArgumentException Unknown(string name) => new($"The frame has no column '{name}'; it has {string.Join(", ", this.Select(column => $"'{column.Name}'"))}.");
}
