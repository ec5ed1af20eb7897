using System.Globalization;
using System.Text;

namespace TorchSharp
{
    /// <summary>How a tensor prints: its metadata only, or its elements too.</summary>
    public enum TensorStringStyle { Metadata, Julia, Numpy, CSharp, Default }

    public static partial class torch
    {
        /// <summary>Text.</summary>
        public partial class Tensor
        {
            /// <summary>Shape, element type and device.</summary>
            public override string ToString() =>
                IsInvalid ? "disposed tensor" : string.Create(CultureInfo.InvariantCulture, $"[{string.Join('x', shape)}], type = {dtype}, device = {device}");

            public string ToString(TensorStringStyle style, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null, string? newLine = null)
            {
                if (style is TensorStringStyle.Metadata) return ToString();
                using DisposeScope scope = NewDisposeScope();
                using var quiet = no_grad();
                Tensor here = cpu();
                Array elements = here.is_floating_point() ? here.to(ScalarType.Float64).data<double>().ToArray()
                    : here.dtype == ScalarType.Bool ? here.data<bool>().ToArray() : here.to(ScalarType.Int64).data<long>().ToArray();
                string format = fltFormat ?? "g5", line = newLine ?? Environment.NewLine;
                IFormatProvider culture = cultureInfo ?? CultureInfo.InvariantCulture;
                var text = new StringBuilder();
                if (style is not TensorStringStyle.Numpy) text.Append(ToString()).Append(ndim == 0 ? ", value = " : line);
                int next = 0;
                Append(text, elements, shape, 0, ref next, format, culture, line);
                return text.ToString();
            }

            private static void Append(StringBuilder text, Array elements, long[] shape, int dim, ref int next, string format, IFormatProvider culture, string line)
            {
                if (dim == shape.Length)
                {
                    text.Append(elements.GetValue(next++) switch { double d => d.ToString(format, culture), object o => System.Convert.ToString(o, culture), _ => "" });
                    return;
                }
                text.Append('[');
                for (long i = 0; i < shape[dim]; i++)
                {
                    if (i > 0) text.Append(dim == shape.Length - 1 ? ", " : "," + line + new string(' ', dim + 1));
                    Append(text, elements, shape, dim + 1, ref next, format, culture, line);
                }
                text.Append(']');
            }

            public string str(string? fltFormat = null, int? width = null, string? newLine = null, CultureInfo? cultureInfo = null) => ToString(TensorStringStyle.Julia, fltFormat, width, cultureInfo, newLine);
            public string npstr(string? fltFormat = null, int? width = null, string? newLine = null, CultureInfo? cultureInfo = null) => ToString(TensorStringStyle.Numpy, fltFormat, width, cultureInfo, newLine);

            public Tensor print(string? fltFormat = null, int? width = null, string? newLine = null, CultureInfo? cultureInfo = null, TensorStringStyle style = TensorStringStyle.Default)
            {
                Console.WriteLine(ToString(style, fltFormat, width, cultureInfo, newLine));
                return this;
            }
        }
    }
}
