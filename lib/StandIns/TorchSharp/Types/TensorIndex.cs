namespace TorchSharp;

public static partial class torch
{
    /// <summary>One position of an index expression such as <c>x[.., 1..3, ^1]</c>, with Python's meaning.</summary>
    public struct TensorIndex
    {
        internal enum Kind { Slice, Ellipsis, None, Single, Bool, Tensor }

        internal Kind Type;
        internal long? Start, Stop, Step;
        internal bool Truth;
        internal torch.Tensor? Indices;

        public static readonly TensorIndex Colon = Slice();
        public static readonly TensorIndex Ellipsis = new() { Type = Kind.Ellipsis };
        public static readonly TensorIndex None = new() { Type = Kind.None };
        public static readonly TensorIndex Null = new() { Type = Kind.None };

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) => new() { Type = Kind.Slice, Start = start, Stop = stop, Step = step };

        /// <summary>A C# range; an end counted from the back such as <c>^1</c> becomes Python's negative index, and <c>^0</c> the end.</summary>
        public static TensorIndex Slice(Range range) => Slice(
            FromIndex(range.Start),
            range.End.IsFromEnd && range.End.Value == 0 ? null : FromIndex(range.End));

        public static TensorIndex Single(long? index) => new() { Type = Kind.Single, Start = index };
        public static TensorIndex Bool(bool value) => new() { Type = Kind.Bool, Truth = value };
        public static TensorIndex Tensor(torch.Tensor tensor) => new() { Type = Kind.Tensor, Indices = tensor };

        public static implicit operator TensorIndex(long value) => Single(value);
        public static implicit operator TensorIndex(Range range) => Slice(range);
        public static implicit operator TensorIndex(Index index) => Single(FromIndex(index));
        public static implicit operator TensorIndex(torch.Tensor tensor) => Tensor(tensor);
        public static implicit operator TensorIndex((int? start, int? end) range) => Slice(range.start, range.end);

        private static long FromIndex(Index index) => index.IsFromEnd ? (index.Value == 0 ? long.MaxValue : -index.Value) : index.Value;
    }
}
