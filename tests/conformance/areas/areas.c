/* SPDX-License-Identifier: MIT */
/* The areas that have vectors, in the order of requirements.json. */
#include "conformance/vocabulary/vector.h"

extern const struct vector cfg_vectors[], fea_vectors[], hdr_vectors[], fen_vectors[],
	dsp_vectors[], edi_vectors[], res_vectors[], bak_vectors[], xfr_vectors[], scn_vectors[],
	fls_vectors[], cur_vectors[], pix_vectors[], mul_vectors[], rsz_vectors[], cap_vectors[],
	uid_vectors[], blb_vectors[], ctx_vectors[], err_vectors[], frm_vectors[], spl_vectors[],
	ind_vectors[], evi_vectors[], pak_vectors[], sta_vectors[], mmi_vectors[];

const struct vector *const conform_areas[] = {
	cfg_vectors, fea_vectors, hdr_vectors, fen_vectors, dsp_vectors, edi_vectors, res_vectors,
	bak_vectors, xfr_vectors, scn_vectors, fls_vectors, cur_vectors, pix_vectors, mul_vectors,
	rsz_vectors, cap_vectors, uid_vectors, blb_vectors, ctx_vectors, err_vectors, frm_vectors,
	spl_vectors, ind_vectors, evi_vectors, pak_vectors, sta_vectors, mmi_vectors,
};
const unsigned int conform_num_areas = sizeof(conform_areas) / sizeof(conform_areas[0]);
